//! The functions of a module in the order of their names: what is alike then stands together, and compresses better.
//!
//! `wasm-bindgen` writes them by their size. In the order of their names the instances of a generic function, the parts of one
//! module and the callers of one function are neighbours, and 2 % of the download go. Nothing else changes: the same functions
//! under other numbers.

use std::convert::Infallible;
use std::path::Path;

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{CodeSection, FunctionSection, Module};
use wasmparser::{
    CodeSectionReader, CustomSectionReader, FunctionSectionReader, KnownCustom, Name, Parser, Payload, TypeRef,
};

/// Orders the functions of the file at `path`, and takes out the names and what names the compiler.
pub(crate) fn order(path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let bytes = std::fs::read(path)?;
    let mut ordered = Module::new();
    Order::by_name(&bytes)?.parse_core_module(&mut ordered, Parser::new(0), &bytes)?;
    Ok(std::fs::write(path, ordered.finish())?)
}

struct Order {
    /// Functions of the page, which come first and stay.
    imported: u32,
    /// The functions of the module as they are to stand: each by its place now.
    order: Vec<usize>,
    /// The other way round: where each goes.
    places: Vec<u32>,
}

impl Order {
    fn by_name(bytes: &[u8]) -> wasmparser::Result<Self> {
        let (mut imported, mut keys, mut names) = (0, Vec::new(), Vec::new());
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                    }
                }
                Payload::CodeSectionEntry(body) => keys.push((String::new(), body.range().len(), keys.len())),
                Payload::CustomSection(section) => {
                    if let KnownCustom::Name(section) = section.as_known() {
                        names.extend(section);
                    }
                }
                _ => {}
            }
        }
        for section in names {
            let Name::Function(functions) = section? else { continue };
            for function in functions {
                let function = function?;
                let place = function.index.checked_sub(imported);
                if let Some((key, ..)) = place.and_then(|place| keys.get_mut(place as usize)) {
                    *key = key_of(function.name);
                }
            }
        }
        keys.sort_unstable();
        let order: Vec<usize> = keys.into_iter().map(|(.., place)| place).collect();
        let mut places = vec![0; order.len()];
        for (new, old) in (imported..).zip(&order) {
            if let Some(place) = places.get_mut(*old) {
                *place = new;
            }
        }
        Ok(Self { imported, order, places })
    }
}

/// `<T as Trait>::name` stands beside what is `T`'s. What tells compilations and instances apart does not count (`[0123…]` and
/// `::h0123…`): of one name the smaller comes first.
fn key_of(name: &str) -> String {
    let mut key = String::with_capacity(name.len());
    let is_hash = |hash: &str| hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    let name = name.rsplit_once("::h").filter(|(_, hash)| is_hash(hash)).map_or(name, |(name, _)| name);
    let mut rest = name.trim_start_matches('<');
    while let Some((before, after)) = rest.split_once('[') {
        let (inside, behind) = after.split_once(']').unwrap_or((after, ""));
        key.push_str(before);
        if !inside.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            key.push_str(inside);
        }
        rest = behind;
    }
    key + rest
}

impl Reencode for Order {
    type Error = Infallible;

    fn function_index(&mut self, index: u32) -> Result<u32, Error<Infallible>> {
        let place = index.checked_sub(self.imported).and_then(|place| self.places.get(place as usize));
        Ok(place.copied().unwrap_or(index))
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        let types = section.into_iter().collect::<Result<Vec<_>, _>>()?;
        for ty in self.order.iter().filter_map(|place| types.get(*place)) {
            functions.function(*ty);
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        let bodies = section.into_iter().collect::<Result<Vec<_>, _>>()?;
        for body in self.order.clone().into_iter().filter_map(|place| bodies.get(place)) {
            self.parse_function_body(code, body.clone())?;
        }
        Ok(())
    }

    fn parse_custom_section(
        &mut self,
        module: &mut Module,
        section: CustomSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        match section.name() {
            "name" | "producers" => Ok(()),
            _ => utils::parse_custom_section(self, module, section),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;
    use wasm_encoder::{
        ConstExpr, ElementSection, Elements, EntityType, ExportKind, ExportSection, Function, ImportSection,
        IndirectNameMap, NameMap, NameSection, RefType, TableSection, TableType, TypeSection, ValType,
    };

    /// An import, then functions of these names, each of which calls the import and answers its own number; the last is exported
    /// and stands in a table.
    fn module(names: &[&str]) -> Vec<u8> {
        let (mut types, mut imports, mut functions, mut code) =
            (TypeSection::new(), ImportSection::new(), FunctionSection::new(), CodeSection::new());
        types.ty().function([], []);
        types.ty().function([], [ValType::I32]);
        imports.import("page", "tick", EntityType::Function(0));
        let mut map = NameMap::new();
        for (number, name) in names.iter().enumerate() {
            functions.function(1);
            let mut body = Function::new([]);
            body.instructions().call(0).i32_const(number as i32).end();
            code.function(&body);
            map.append(number as u32 + 1, name);
        }
        let last = names.len() as u32;
        let (mut tables, mut exports, mut elements, mut known) =
            (TableSection::new(), ExportSection::new(), ElementSection::new(), NameSection::new());
        tables.table(TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            minimum: 1,
            maximum: None,
            shared: false,
        });
        exports.export("last", ExportKind::Func, last);
        elements.active(None, &ConstExpr::i32_const(0), Elements::Functions([last].as_slice().into()));
        known.functions(&map);
        known.locals(&IndirectNameMap::new());
        let mut module = Module::new();
        module.section(&types).section(&imports).section(&functions).section(&tables).section(&exports);
        module.section(&elements).section(&code).section(&known);
        module.finish()
    }

    fn ordered(bytes: &[u8]) -> Vec<u8> {
        let mut ordered = Module::new();
        Order::by_name(bytes).unwrap().parse_core_module(&mut ordered, Parser::new(0), bytes).unwrap();
        ordered.finish()
    }

    /// The module again, its functions in this order, and without names.
    fn expected(order: &[i32], last: u32) -> String {
        let numbers: Vec<String> = order.iter().map(|number| format!("I32Const {{ value: {number} }}")).collect();
        format!("{numbers:?}, last {last}")
    }

    fn described(bytes: &[u8]) -> String {
        let (mut numbers, mut last, mut in_table) = (Vec::new(), 0, 0);
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.unwrap() {
                Payload::CodeSectionEntry(body) => {
                    let operators: Vec<_> =
                        body.get_operators_reader().unwrap().into_iter().map(Result::unwrap).collect();
                    assert_eq!(format!("{:?}", operators[0]), "Call { function_index: 0 }");
                    numbers.push(format!("{:?}", operators[1]));
                }
                Payload::ExportSection(exports) => last = exports.into_iter().next().unwrap().unwrap().index,
                Payload::ElementSection(elements) => {
                    let items = elements.into_iter().next().unwrap().unwrap().items;
                    let wasmparser::ElementItems::Functions(items) = items else { panic!("not functions") };
                    in_table = items.into_iter().next().unwrap().unwrap();
                }
                Payload::CustomSection(section) => panic!("{} is still there", section.name()),
                _ => {}
            }
        }
        assert_eq!(last, in_table);
        format!("{numbers:?}, last {last}")
    }

    #[test]
    fn functions_stand_by_their_names_and_are_called_as_before() {
        let bytes =
            module(&["sort::merge", "<api::Reply as Serialize>::serialize", "api[00ff]::decode", "sort::merge"]);
        assert_eq!(described(&ordered(&bytes)), expected(&[1, 2, 0, 3], 4));
        let bytes = module(&["b", "c", "a"]);
        assert_eq!(described(&ordered(&bytes)), expected(&[2, 0, 1], 1));
    }

    #[test]
    fn what_tells_compilations_apart_does_not_count() {
        assert_eq!(key_of("core::fmt::write::h0123456789abcdef"), "core::fmt::write");
        assert_eq!(
            key_of("<core[0a1b]::option::Option<[u8]> as Clone[ff]>::clone"),
            "core::option::Option<u8> as Clone>::clone"
        );
    }
}
