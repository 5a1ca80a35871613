//! Real processes: the program as people run it, killed as machines kill it.

#[path = "../support/mod.rs"]
mod support;

mod chaos;
mod children;
mod configuration;
mod dead_letters;
mod demo;
mod doctor;
mod kill;
mod proxy;
mod sandbox;
mod sealing;
mod simulate;
mod stop;
mod tutorial;
