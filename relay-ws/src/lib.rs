//! The relay: keeps and forwards sealed entries that it cannot read.
//!
//! All decisions are [`ashore_protocol::mailbox`]'s. This crate gives it a disk ([`storage`]), a thread ([`hub`]),
//! sockets ([`connection`], [`server`]) and settings ([`config`]).
pub mod config;
pub mod storage;

pub mod hub;

pub mod connection;

pub mod pages;
pub mod server;

pub mod logging;
pub mod probe;
