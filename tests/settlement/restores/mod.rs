//! Databases that were restored from a backup or went back under a running engine, and networks that are not
//! what they were.

mod accepted;
mod backups;
pub mod copy;
mod other_networks;
mod running;
mod went_back;
