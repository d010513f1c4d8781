//! `cargo +nightly fuzz run avro_event`: see `bodies::avro_event` for what must hold.
#![no_main]

#[allow(dead_code, reason = "the other target's body")]
#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::avro_event(data));
