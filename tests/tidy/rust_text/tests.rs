//! What is read of small Rust texts.

use super::*;

/// What is left of a program's text, without the spaces and empty lines.
fn program(text: &str) -> Vec<String> {
    let blanked = RustText::program(text).blanked();
    assert_eq!(blanked.len(), text.len(), "every line and column stays");
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    blanked.lines().map(words).filter(|line| !line.is_empty()).collect()
}

fn names(items: &[Item]) -> Vec<&str> {
    items.iter().map(|item| item.name.as_str()).collect()
}

#[test]
fn a_test_module_is_left_out_and_what_follows_it_stays() {
    assert_eq!(program("#[cfg(test)]\nmod tests;\nmod timeline;\n"), ["mod timeline;"]);
    let block = "mod a;\n#[cfg(test)]\nmod tests {\n    fn b() { c(); }\n}\nfn d() {}\n";
    assert_eq!(program(block), ["mod a;", "fn d() {}"]);
}

#[test]
fn a_test_item_is_left_out_whatever_it_is() {
    assert_eq!(program("#[cfg(test)]\nuse a::{b, c};\nuse d;"), ["use d;"]);
    assert_eq!(
        program("#[cfg(test)]\n#[inline]\npub(crate) const fn a<T, U>() -> T { b() }\nfn c() {}"),
        ["fn c() {}"]
    );
    assert_eq!(program("#[cfg(test)]\npub const A: B = B { c: 1 };\nfn c() {}"), ["fn c() {}"]);
    assert_eq!(
        program("impl A {\n    #[cfg(test)]\n    fn b(&self) {}\n    fn c() {}\n}"),
        ["impl A {", "fn c() {}", "}"]
    );
    assert_eq!(program("struct A {\n#[cfg(test)]\npub b: C<D, E>,\nf: G,\n}"), ["struct A {", "f: G,", "}"]);
    assert_eq!(program("fn a() {\n#[cfg(test)]\nlet b = C { d: 1 };\ne();\n}"), ["fn a() {", "e();", "}"]);
    assert_eq!(program("#[cfg(all(test, unix))]\nmod a;\nmod b;"), ["mod b;"]);
}

#[test]
fn other_conditions_stay() {
    assert_eq!(program("#[cfg(not(test))]\nmod a;"), ["#[cfg(not(test))]", "mod a;"]);
    assert_eq!(program("#[cfg(unix)]\nmod a;"), ["#[cfg(unix)]", "mod a;"]);
}

#[test]
fn comments_and_what_stands_in_strings_are_no_code() {
    assert_eq!(program("//! a\n/// b\nfn c() {} // d\n/* e /* f */ g */ fn h() {}"), ["fn c() {}", "fn h() {}"]);
    assert_eq!(program("let a = \"// b\"; c();"), ["let a = \" \"; c();"]);
    assert_eq!(program("let a = r#\"b \"c\" d\"#; e();"), ["let a = r#\" \" ; e();"]);
    assert_eq!(program("let a = \"b\nc\"; d();"), ["let a = \"", "\"; d();"]);
    assert_eq!(program("let a = b'\"'; c::<'d>(1.5e3);"), ["let a = b' '; c::<'d>(1.5e3);"]);
}

#[test]
fn comments_are_found_alone() {
    let text = "//! a\nfn b() {} // c \"d\"\nlet e = \"// f\"; /* g */\n";
    let comments = RustText::whole(text).comments();
    let words: Vec<_> = comments.split_whitespace().collect();
    assert_eq!(words, ["//!", "a", "//", "c", "\"d\"", "/*", "g", "*/"]);
}

#[test]
fn imports_are_read_with_branches_and_new_names() {
    let text = "use a::{self, b::{C, D as E}, f::*};\npub(crate) use super::G;\nfn h() { use i; }";
    let imports = RustText::whole(text).imports();
    let told: Vec<_> =
        imports.iter().map(|import| (import.path.join("::"), import.name.as_str(), import.is_public)).collect();
    let import = |path: &str, name, is_public| (path.to_owned(), name, is_public);
    assert_eq!(
        told[..4],
        [
            import("a", "a", false),
            import("a::b::C", "C", false),
            import("a::b::D", "E", false),
            import("a::f", "*", false)
        ]
    );
    assert_eq!(told[4..], [import("super::G", "G", true), import("i", "i", false)]);
}

#[test]
fn paths_are_read_in_types_calls_and_macros() {
    let text = "use x::y;\nfn a(b: &crate::c::D) { super::e(f); log!(\"g::h\", i::J::k::<l::M>()); n::o }";
    let paths: Vec<_> = RustText::whole(text).paths().iter().map(|path| path.join("::")).collect();
    assert_eq!(paths, ["crate::c::D", "super::e", "n::o", "i::J::k", "l::M"].map(String::from));
}

#[test]
fn items_of_a_module_are_read_and_those_of_an_impl_are_not() {
    let text = "pub(crate) struct A<T>(T);\nenum B { C }\nimpl D for A { type E = F; }\npub type G = H;\n\
        pub const fn i() {}\n#[cfg(test)]\nmod tests { struct J; }\nmod k { pub trait L { type M; } }\n\
        extern \"C\" fn n() {}\nstatic O: P = P { q: 1 };\nunsafe impl R for S {}\nunion T { u: u8 }";
    let items = RustText::whole(text).items();
    assert_eq!(names(&items), ["A", "B", "G", "i", "tests", "J", "k", "L", "n", "O", "T"]);
    let types: Vec<_> = items.iter().filter(|item| item.is_type() && !item.is_test).cloned().collect();
    assert_eq!(names(&types), ["A", "B", "G", "L", "T"]);
    let public: Vec<_> = items.into_iter().filter(|item| item.is_public).collect();
    assert_eq!(names(&public), ["A", "G", "i", "L"]);
}

#[test]
fn functions_are_measured_from_their_name_to_their_last_bracket() {
    let text = "trait A {\n    fn b();\n    fn c(\n        d: E,\n    ) {\n        fn f() {}\n    }\n}\n";
    let functions = RustText::whole(text).functions();
    let told: Vec<_> =
        functions.iter().map(|function| (function.name.as_str(), function.first_line, function.last_line)).collect();
    assert_eq!(told, [("c", 3, 7), ("f", 6, 6)]);
}
