//! Databases that were restored from a backup, or went back under a running engine.

mod accepted;
mod backups;
mod copy;
mod running;
mod went_back;
