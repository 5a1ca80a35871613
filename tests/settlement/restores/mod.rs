//! Databases that were restored from a backup.

mod backups;
