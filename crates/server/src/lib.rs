//! The program `onepoint`: configuration, which contexts run, how they are wired together, the command line.

pub mod assembly;
pub mod bench;
pub mod client;
pub mod commands;
pub mod config;
pub mod description;
pub mod docs;
pub mod gateway;
pub mod parked;
pub mod provider;
pub mod sandbox;
pub mod secret;
pub mod sender;
pub mod serve;
pub mod stores;
pub mod system;
mod traces;
