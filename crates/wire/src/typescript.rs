//! The wire's types as one TypeScript module, so that a page cannot disagree with the server.

use std::any::TypeId;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use ts_rs::{Config, TS, TypeVisitor};

use crate::{ClientMessage, MAX_MESSAGE_BYTES, ServerMessage, WIRE_VERSION, frame};

/// The whole module: every type reachable from [`ClientMessage`] and [`ServerMessage`], in
/// alphabetical order, and the wire's constants.
#[must_use]
pub fn module() -> String {
    let config = Config::new();
    let mut types = Types { config: &config, seen: HashSet::new(), declarations: BTreeMap::new() };
    types.visit::<ClientMessage>();
    types.visit::<ServerMessage>();

    let mut text = String::from(
        "// Generated from crates/wire by `cargo xtask codegen`. Do not edit: change the Rust types.\n",
    );
    let constants = [
        ("The wire version these types describe.", "WIRE_VERSION", WIRE_VERSION as usize),
        (
            "The largest message either side may send, in bytes.",
            "MAX_MESSAGE_BYTES",
            MAX_MESSAGE_BYTES,
        ),
        ("The kind of a tunnel's frames, their first byte.", "FRAME_VOICE", frame::VOICE.into()),
        (
            "What goes before a frame's Opus packet, in bytes.",
            "FRAME_HEADER_BYTES",
            frame::HEADER_BYTES,
        ),
        ("The largest Opus packet of a frame, in bytes.", "MAX_OPUS_BYTES", frame::MAX_OPUS_BYTES),
    ];
    for (docs, name, value) in constants {
        let _ = write!(text, "\n/** {docs} */\nexport const {name} = {value};\n");
    }
    for declaration in types.declarations.values() {
        text.push('\n');
        text.push_str(declaration);
    }
    text
}

/// Collects declarations by name.
struct Types<'a> {
    config: &'a Config,
    seen: HashSet<TypeId>,
    declarations: BTreeMap<String, String>,
}

impl TypeVisitor for Types<'_> {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        // Types without a file of their own (numbers, lists) have nothing to declare.
        if T::output_path().is_none() || !self.seen.insert(TypeId::of::<T>()) {
            return;
        }
        let docs = T::docs().unwrap_or_default();
        let declaration = format!("{docs}export {}\n", T::decl(self.config));
        self.declarations.insert(T::ident(self.config), declaration);
        T::visit_dependencies(self);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_checked_in_module_is_the_one_these_types_give() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../web-client/src/wire/generated.ts");
        let checked_in = std::fs::read_to_string(path).expect("generated.ts is checked in");
        assert!(
            checked_in == super::module(),
            "web-client/src/wire/generated.ts is out of date: run `cargo xtask codegen`"
        );
    }
}
