//! The program `onepoint`.

use std::process::ExitCode;

use clap::Parser;
use server::commands::{Cli, run};

/// Many small allocations on several threads are most of what a request costs beside the kernel.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    run(&Cli::parse())
}
