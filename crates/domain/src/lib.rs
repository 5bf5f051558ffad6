//! The rules of OnePoint.
//!
//! Nothing here can read a clock, a file, a socket or a random number: time comes in as a value. Every file has the
//! same order: state, commands, events, rejection, one function per verb, `apply`, tests.
#![no_std]
extern crate alloc;

pub mod cart;
pub mod coupon;
pub mod deal;
pub mod donation;
pub mod gifticon;
pub mod kernel;
pub mod member;
pub mod membership;
pub mod notification;
pub mod payment;
pub mod point;
pub mod product;
pub mod settlement;
