//! The `driftline` binary: all of it is in [`driftline::cli`].

fn main() -> std::process::ExitCode {
    driftline::cli::main()
}
