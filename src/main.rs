//! The `driftline` binary: all of it is in [`driftline::cli`].

/// For librdkafka too. What one thread makes here another ends, in small pieces, which the system's allocator is
/// slow at: `docs/performance.md` has what it costs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    driftline::cli::main()
}
