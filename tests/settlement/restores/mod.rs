//! Databases that were restored from a backup, or went back under a running engine.

mod backups;
mod copy;
mod went_back;
