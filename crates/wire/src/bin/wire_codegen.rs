//! Writes the wire's types as TypeScript: `wire-codegen web-client/src/wire/generated.ts`.

use std::io::{Error, ErrorKind};

fn main() -> std::io::Result<()> {
    let path = std::env::args_os()
        .nth(1)
        .ok_or_else(|| Error::new(ErrorKind::InvalidInput, "usage: wire-codegen FILE"))?;
    std::fs::write(path, palabre_wire::typescript::module())
}
