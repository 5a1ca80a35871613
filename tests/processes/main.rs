//! Real processes: the program as people run it, killed as machines kill it.

#[path = "../support/mod.rs"]
mod support;

mod api;
mod backup;
mod chaos;
mod children;
mod configuration;
mod dead_letters;
mod demo;
mod doctor;
mod half_heads;
mod keys;
mod kill;
mod log;
mod missing_database;
mod other_networks;
mod postgres;
mod proxy;
mod sandbox;
mod sealing;
mod simulate;
mod standby;
mod stop;
mod tutorial;
