//! Finds import circles among the files of one folder.
//!
//! The entries of a folder are its files, each together with the folder of the same name. Entry `a`
//! knows entry `b` if non-test code of `a` names anything that is defined in `b`, directly or through
//! the imports of another module. No entry may know itself through others; parents are no entries.

use std::collections::{BTreeMap, BTreeSet};

/// The path of a module from the root of the crate, as `["hub", "event"]`.
type Module = Vec<String>;

/// A token with the line on which it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    /// `::`
    Path,
    Sign(char),
}

/// A group of entries of one folder that know each other in a circle.
#[derive(Debug, PartialEq, Eq)]
pub struct Circle {
    /// The folder, as `src/hub`.
    pub folder: String,
    /// The names of the entries.
    pub entries: Vec<String>,
    /// Each import among them, as `event → reply (src/hub/event.rs:7)`.
    pub imports: Vec<String>,
}

/// Returns all circles among these files: pairs of a path, as `src/hub/event.rs`, and a text.
pub fn circles(files: &[(String, String)]) -> Vec<Circle> {
    let files = files.iter().filter_map(|(path, text)| Some((module_of(path)?, (path, text))));
    let files: BTreeMap<Module, _> = files.collect();
    let mut crate_ = Crate { files: files.keys().cloned().collect(), ..Crate::default() };
    for (module, (path, text)) in &files {
        Reader { crate_: &mut crate_, path, file: module }.read(&tokens(text));
    }
    let mut folders: BTreeMap<Module, BTreeMap<(String, String), String>> = BTreeMap::new();
    for Named { from, at, path, .. } in &crate_.named {
        let home = crate_.home_of(path, 8);
        let to = crate_.file_of(&home);
        let shared = from.iter().zip(to).take_while(|(a, b)| a == b).count();
        // The floors take care of what has no folder in common; a parent is no entry.
        if shared > 0 && shared < from.len() && shared < to.len() {
            let import = (from[shared].clone(), to[shared].clone());
            folders
                .entry(to[..shared].to_vec())
                .or_default()
                .entry(import)
                .or_insert_with(|| at.clone());
        }
    }
    folders.iter().flat_map(|(folder, imports)| circles_of(folder, imports)).collect()
}

/// The module of a file; `None` for the roots of the crate and for tests.
fn module_of(path: &str) -> Option<Module> {
    let path = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    let path = path.strip_suffix("/mod").unwrap_or(path);
    let module: Module = path.split('/').map(str::to_owned).collect();
    let is_test = module.iter().any(|name| name == "tests");
    (!is_test && path != "lib" && path != "main").then_some(module)
}

/// Returns the circles of one folder, of which the imports are given with a place for each.
fn circles_of(folder: &[String], imports: &BTreeMap<(String, String), String>) -> Vec<Circle> {
    let reached = |from: &String| {
        let (mut reached, mut fresh) = (BTreeSet::new(), vec![from]);
        while let Some(name) = fresh.pop() {
            let next = imports.keys().filter(|(from, _)| from == name).map(|(_, to)| to);
            fresh.extend(next.filter(|to| reached.insert((*to).clone())));
        }
        reached
    };
    let names: BTreeSet<&String> = imports.keys().map(|(from, _)| from).collect();
    let reach: BTreeMap<&String, _> = names.into_iter().map(|name| (name, reached(name))).collect();
    let mut circles: Vec<Circle> = Vec::new();
    for (name, to) in &reach {
        let is_new = !circles.iter().any(|circle| circle.entries.contains(name));
        if !to.contains(*name) || !is_new {
            continue;
        }
        let is_mutual = |other: &&String| reach.get(other).is_some_and(|to| to.contains(*name));
        let entries: Vec<String> = to.iter().filter(is_mutual).cloned().collect();
        let inside =
            imports.iter().filter(|((from, to), _)| entries.contains(from) && entries.contains(to));
        let imports = inside.map(|((from, to), at)| format!("{from} → {to} ({at})")).collect();
        circles.push(Circle { folder: format!("src/{}", folder.join("/")), entries, imports });
    }
    circles
}

/// A path that code names.
#[derive(Debug)]
struct Named {
    /// The module of the file.
    from: Module,
    /// The place, as `src/hub/event.rs:7`.
    at: String,
    /// The path, from the root of the crate.
    path: Module,
}

/// Everything that the files declare and name.
#[derive(Debug, Default)]
struct Crate {
    /// Modules that are files.
    files: BTreeSet<Module>,
    /// Modules within files.
    inline: BTreeSet<Module>,
    /// The names that each module has from elsewhere, and whence.
    imports: BTreeMap<Module, BTreeMap<String, Module>>,
    named: Vec<Named>,
}

impl Crate {
    fn is_module(&self, path: &[String]) -> bool {
        self.files.contains(path) || self.inline.contains(path)
    }

    /// The module in which what `path` names is defined. Imports are followed so many times.
    fn home_of(&self, path: &[String], times: usize) -> Module {
        let depth = (0..=path.len()).rev().find(|depth| self.is_module(&path[..*depth]));
        let (module, rest) = path.split_at(depth.unwrap_or(0));
        let import = rest.first().and_then(|name| self.imports.get(module)?.get(name));
        match import {
            Some(import) if times > 0 => self.home_of(&[import, &rest[1..]].concat(), times - 1),
            _ => module.to_vec(),
        }
    }

    /// The file in which a module stands.
    fn file_of<'a>(&self, module: &'a [String]) -> &'a [String] {
        let depth = (0..=module.len()).rev().find(|depth| self.files.contains(&module[..*depth]));
        &module[..depth.unwrap_or(0)]
    }
}

/// Reads one file.
struct Reader<'a> {
    crate_: &'a mut Crate,
    path: &'a str,
    file: &'a Module,
}

impl Reader<'_> {
    fn read(&mut self, tokens: &[(usize, Token)]) {
        // The modules around the place, each with how many braces stood around it.
        let mut around = vec![(self.file.clone(), 0)];
        let (mut at, mut braces) = (0, 0);
        while let Some((line, token)) = tokens.get(at) {
            let here = around.last().map(|(module, _)| module.clone()).unwrap_or_default();
            match token {
                Token::Sign('#') if is_for_tests(&tokens[at..]) => {
                    at += item_length(&tokens[at..]);
                    continue;
                }
                Token::Sign('{') => braces += 1,
                Token::Sign('}') => {
                    braces -= 1;
                    // A module within the file ends where its brace closes; the file's own does not.
                    if around.len() > 1 && around.last().is_some_and(|(_, out)| *out == braces) {
                        around.pop();
                    }
                }
                Token::Word(word) if word == "mod" => {
                    if let [(_, Token::Word(name)), (_, Token::Sign('{')), ..] = &tokens[at + 1..] {
                        let module = [&here[..], std::slice::from_ref(name)].concat();
                        self.crate_.inline.insert(module.clone());
                        around.push((module, braces));
                        braces += 1;
                        at += 2;
                    }
                }
                Token::Word(word) if word == "use" => {
                    let end = tokens[at..].iter().position(|(_, token)| *token == Token::Sign(';'));
                    let end = end.map_or(tokens.len(), |end| at + end);
                    self.import(&here, &[], &tokens[at + 1..end]);
                    at = end;
                }
                Token::Word(word) if ["crate", "super", "self"].contains(&word.as_str()) => {
                    let is_inner = at > 0 && tokens[at - 1].1 == Token::Path;
                    let (path, length) = path_at(&tokens[at..]);
                    if length > 1 && !is_inner {
                        self.name(*line, &here, &path);
                    }
                    at += length - 1;
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// Takes note of one tree of a `use`, before which stands `before`.
    fn import(&mut self, here: &Module, before: &[String], tree: &[(usize, Token)]) {
        let Some((line, _)) = tree.first() else { return };
        let (path, length) = path_at(tree);
        let path = [before, &path].concat();
        match &tree[length..] {
            [(_, Token::Path), (_, Token::Sign('{')), inner @ .., _]
            | [(_, Token::Sign('{')), inner @ .., _] => {
                for tree in branches(inner) {
                    self.import(here, &path, tree);
                }
            }
            rest => {
                let path = match path.split_last() {
                    Some((last, path)) if last == "self" && !path.is_empty() => path.to_vec(),
                    _ => path,
                };
                let alias = match rest {
                    [(_, Token::Word(word)), (_, Token::Word(alias))] if word == "as" => {
                        Some(alias)
                    }
                    _ => path.last(),
                };
                if let (Some(alias), Some(found)) = (alias, self.name(*line, here, &path)) {
                    let imports = self.crate_.imports.entry(here.clone()).or_default();
                    imports.insert(alias.clone(), found);
                }
            }
        }
    }

    /// Takes note of a path that stands in the module `here`, and returns it from the root of the
    /// crate; `None` if it leads out of the crate.
    fn name(&mut self, line: usize, here: &Module, path: &[String]) -> Option<Module> {
        let first = path.first()?;
        let mut found = match first.as_str() {
            "crate" => Vec::new(),
            "self" => here.clone(),
            "super" => here[..here.len() - 1].to_vec(),
            _ => [&here[..], std::slice::from_ref(first)].concat(),
        };
        let is_relative = !["crate", "self", "super"].contains(&first.as_str());
        if is_relative && !self.crate_.is_module(&found) {
            return None;
        }
        for name in &path[1..] {
            match name.as_str() {
                "super" => drop(found.pop()),
                name => found.push(name.to_owned()),
            }
        }
        let at = format!("{}:{line}", self.path);
        self.crate_.named.push(Named { from: self.file.clone(), at, path: found.clone() });
        Some(found)
    }
}

/// The path at the beginning, and how many tokens it has.
fn path_at(tokens: &[(usize, Token)]) -> (Module, usize) {
    let mut path = Vec::new();
    let mut at = 0;
    while let Some((_, Token::Word(word))) = tokens.get(at) {
        path.push(word.clone());
        at += 1;
        match &tokens[at..] {
            [(_, Token::Path), (_, Token::Word(_)), ..] => at += 1,
            _ => break,
        }
    }
    (path, at)
}

/// What commas part, outside of braces.
fn branches(tokens: &[(usize, Token)]) -> Vec<&[(usize, Token)]> {
    let mut depth = 0;
    tokens
        .split(|(_, token)| {
            match token {
                Token::Sign('{') => depth += 1,
                Token::Sign('}') => depth -= 1,
                _ => {}
            }
            depth == 0 && *token == Token::Sign(',')
        })
        .collect()
}

/// True if an attribute begins here that keeps its item to tests.
fn is_for_tests(tokens: &[(usize, Token)]) -> bool {
    let has = |word: &str, tokens: &[(usize, Token)]| {
        tokens.iter().any(|(_, token)| matches!(token, Token::Word(found) if found == word))
    };
    let end = tokens.iter().position(|(_, token)| *token == Token::Sign(']'));
    let attribute = &tokens[..end.unwrap_or(0)];
    has("cfg", attribute) && has("test", attribute) && !has("not", attribute)
}

/// How many tokens an item has, from its attributes to its end.
fn item_length(tokens: &[(usize, Token)]) -> usize {
    let mut depth = 0;
    for (at, (_, token)) in tokens.iter().enumerate() {
        match token {
            Token::Sign('{' | '(' | '[') => depth += 1,
            Token::Sign('}') if depth == 1 => return at + 1,
            Token::Sign('}' | ')' | ']') => depth -= 1,
            Token::Sign(';') if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// Splits a file into tokens, each with its line. Comments, strings, characters and lifetimes are
/// left out.
fn tokens(text: &str) -> Vec<(usize, Token)> {
    let bytes = text.as_bytes();
    let (mut found, mut at, mut line) = (Vec::new(), 0, 1);
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
    while let Some(byte) = bytes.get(at) {
        let rest = &text[at..];
        let length = match byte {
            b'/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            b'/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            b'"' => string_length(rest),
            b'r' | b'b' if string_prefix(rest).is_some() => raw_string_length(rest),
            b'\'' => character_length(rest),
            byte if is_word(byte) => {
                let length = bytes[at..].iter().take_while(|byte| is_word(byte)).count();
                found.push((line, Token::Word(rest[..length].to_owned())));
                length
            }
            b':' if rest.starts_with("::") => {
                found.push((line, Token::Path));
                2
            }
            byte if byte.is_ascii_whitespace() => 1,
            sign => {
                found.push((line, Token::Sign(char::from(*sign))));
                1
            }
        };
        line += rest[..length].matches('\n').count();
        at += length;
    }
    found
}

/// How long the string is that begins with this quote.
fn string_length(text: &str) -> usize {
    let mut bytes = text.bytes().enumerate().skip(1);
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// What stands before the quote of `b"…"`, `r"…"`, `r#"…"#` and `br#"…"#`.
fn string_prefix(text: &str) -> Option<&str> {
    let prefix = &text[..text.find('"')?];
    let letters = prefix.trim_end_matches('#');
    let is_raw = letters == "r" || letters == "br";
    (is_raw || prefix == "b").then_some(prefix)
}

fn raw_string_length(text: &str) -> usize {
    let prefix = string_prefix(text).unwrap_or_default();
    if prefix == "b" {
        return 1 + string_length(&text[1..]);
    }
    let end = format!("\"{}", "#".repeat(prefix.matches('#').count()));
    let inner = &text[prefix.len() + 1..];
    inner.find(&end).map_or(text.len(), |at| prefix.len() + 1 + at + end.len())
}

/// How long a character is, or the quote of a lifetime.
fn character_length(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match characters.next() {
        Some((_, '\\')) => text[3..].find('\'').map_or(text.len(), |at| at + 4),
        _ => match characters.next() {
            Some((at, '\'')) => at + 1,
            _ => 1,
        },
    }
}

#[test]
fn circles_are_found_and_nothing_else() {
    let tree = |files: &[(&str, &str)]| {
        let owned = |(path, text): &(&str, &str)| (format!("src/{path}.rs"), (*text).to_owned());
        let found = circles(&files.iter().map(owned).collect::<Vec<_>>());
        found.into_iter().map(|circle| circle.imports.join(", ")).collect::<Vec<_>>()
    };
    let open: [&str; 0] = [];
    let circle = ["a → b (src/x/a.rs:1), b → a (src/x/b.rs:1)"];

    let plain = [("x/a", "use super::b::B;"), ("x/b", "use crate::x::{a::A, c};"), ("x/c", "")];
    assert_eq!(tree(&plain), circle);
    let expression = [("x/a", "use super::{b};"), ("x/b", "fn f() { super::a::g::<u8>() }")];
    assert_eq!(tree(&expression), circle);
    let through_the_parent = [
        ("x/mod", "mod a; mod b; pub use a::A; pub(crate) use self::b::{self, B as Bee};"),
        ("x/a", "use super::Bee;"),
        ("x/b", "type A = super::A;"),
    ];
    assert_eq!(tree(&through_the_parent), circle);
    let deeper = [
        ("x/a", ""),
        ("x/a/one", "use super::super::b::B;"),
        ("x/b", "fn f(a: crate::x::a::A) {}"),
    ];
    assert_eq!(tree(&deeper), ["a → b (src/x/a/one.rs:1), b → a (src/x/b.rs:1)"]);
    let three = [("x/a", "use super::b;"), ("x/b", "use super::c;"), ("x/c", "use super::a;")];
    assert_eq!(tree(&three).len(), 1);

    let a_parent = [("x/mod", "mod a; use a::A; struct X;"), ("x/a", "use super::X;")];
    assert_eq!(tree(&a_parent), open);
    let one_way = [("x/a", "use super::b::B;"), ("x/b", "use std::a; pub(super) struct B;")];
    assert_eq!(tree(&one_way), open);
    let inline = [("x/a", "mod m { use super::super::b; } use super::b;"), ("x/b", "mod n {}")];
    assert_eq!(tree(&inline), open);
    let tests = [
        ("x/a", "use super::b::B;"),
        (
            "x/b",
            "#[cfg(test)] mod tests { use super::super::a; } const C: char = '\"'; // super::a",
        ),
        ("x/b/tests", "use super::super::a;"),
    ];
    assert_eq!(tree(&tests), open);
    let behind_tests = [
        ("x/a", "use super::b::B;"),
        ("x/b", "#[cfg(test)]\nfn f() { '}'; r#\"}\"#; }\nuse super::a::A;"),
    ];
    assert_eq!(tree(&behind_tests), ["a → b (src/x/a.rs:1), b → a (src/x/b.rs:3)"]);
}
