//! What the text of a Rust file says once comments, the contents of strings and test items are set aside.

#[cfg(test)]
mod tests;

use proc_macro2::{Delimiter, Group, Literal, TokenStream, TokenTree};
use std::ops::Range;

/// The text of a file as tokens.
pub(crate) struct RustText<'a> {
    text: &'a str,
    tokens: Vec<TokenTree>,
}

/// What an import names: `use a::b as c` has the path `a, b` and the name `c`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) path: Vec<String>,
    /// Its name in this file; `*` for everything in a module.
    pub(crate) name: String,
    pub(crate) is_public: bool,
}

/// Something defined at the level of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    /// `struct`, `fn`, `mod` and so on.
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) is_public: bool,
    /// It has `#[cfg(test)]`.
    pub(crate) is_test: bool,
}

/// A function that has a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) first_line: usize,
    pub(crate) last_line: usize,
}

const TYPES: [&str; 5] = ["struct", "enum", "union", "trait", "type"];

impl Item {
    pub(crate) fn is_type(&self) -> bool {
        TYPES.contains(&self.kind.as_str())
    }
}

impl<'a> RustText<'a> {
    /// All of a file but its comments.
    pub(crate) fn whole(text: &'a str) -> Self {
        let stream: TokenStream = text.parse().unwrap_or_else(|error| panic!("not Rust: {error}\n{text}"));
        Self { text, tokens: without_docs(stream) }
    }

    /// The part of a file that is in the program: no item with `#[cfg(test)]`.
    pub(crate) fn program(text: &'a str) -> Self {
        let Self { text, tokens } = Self::whole(text);
        Self { text, tokens: without_tests(&tokens) }
    }

    /// The text with a space for everything else. Lines and columns stay, and strings keep their quotes.
    pub(crate) fn blanked(&self) -> String {
        let mut code = blank(self.text);
        each(&self.tokens, &mut |token| {
            for range in shown(self.text, token) {
                code[range.clone()].copy_from_slice(&self.text.as_bytes()[range]);
            }
        });
        String::from_utf8(code).expect("whole tokens")
    }

    /// The text with a space for everything that is not a comment.
    pub(crate) fn comments(&self) -> String {
        let mut comments = self.text.as_bytes().to_vec();
        let spaces = blank(self.text);
        each(&self.tokens, &mut |token| {
            let ranges = match token {
                TokenTree::Group(group) => edges(group).to_vec(),
                other => vec![other.span().byte_range()],
            };
            ranges.into_iter().for_each(|range| comments[range.clone()].copy_from_slice(&spaces[range]));
        });
        String::from_utf8(comments).expect("whole tokens")
    }

    /// Every name, keywords too, with its line.
    pub(crate) fn names(&self) -> Vec<(usize, String)> {
        let mut names = Vec::new();
        each(&self.tokens, &mut |token| {
            if let TokenTree::Ident(name) = token {
                names.push((name.span().start().line, name.to_string()));
            }
        });
        names
    }

    /// The `use` declarations, those inside functions and modules too.
    pub(crate) fn imports(&self) -> Vec<Import> {
        let mut imports = Vec::new();
        each_level(&self.tokens, &mut |tokens| {
            for (at, _) in tokens.iter().enumerate().filter(|(_, token)| is_name(token, "use")) {
                let length = tokens[at..].iter().position(|token| is_sign(token, ';')).unwrap_or(0);
                let is_public = tokens[..at].iter().rev().take(2).any(|token| is_name(token, "pub"));
                read_use(&tokens[at + 1..at + length.max(1)], &[], is_public, &mut imports);
            }
        });
        imports
    }

    /// The paths of two names or more outside of `use` declarations, up to what is no name.
    pub(crate) fn paths(&self) -> Vec<Vec<String>> {
        let mut paths = Vec::new();
        each_level(&self.tokens, &mut |tokens| {
            let mut at = 0;
            while at < tokens.len() {
                if is_name(&tokens[at], "use") {
                    at += tokens[at..].iter().position(|token| is_sign(token, ';')).unwrap_or(1);
                }
                let path = path(&tokens[at..]);
                at += (3 * path.len()).max(3) - 2;
                if path.len() > 1 {
                    paths.push(path);
                }
            }
        });
        paths
    }

    /// What is defined at the level of the file, and in the modules that are written out in it.
    pub(crate) fn items(&self) -> Vec<Item> {
        let mut items = Vec::new();
        read_items(&self.tokens, false, &mut items);
        items
    }

    /// The functions with a body, those inside others too.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let mut functions = Vec::new();
        each_level(&self.tokens, &mut |tokens| {
            for (at, pair) in tokens.windows(2).enumerate() {
                let [keyword, TokenTree::Ident(name)] = pair else { continue };
                if !is_name(keyword, "fn") {
                    continue;
                }
                let end = tokens[at..].iter().find(|token| is_block(token) || is_sign(token, ';'));
                if let Some(TokenTree::Group(body)) = end {
                    functions.push(Function {
                        name: name.to_string(),
                        first_line: keyword.span().start().line,
                        last_line: body.span_close().end().line,
                    });
                }
            }
        });
        functions
    }
}

fn blank(text: &str) -> Vec<u8> {
    text.bytes().map(|byte| if byte == b'\n' { b'\n' } else { b' ' }).collect()
}

/// The two brackets of a group.
fn edges(group: &Group) -> [Range<usize>; 2] {
    if group.delimiter() == Delimiter::None {
        return [0..0, 0..0];
    }
    [group.span_open().byte_range(), group.span_close().byte_range()]
}

/// The parts of a token that are code.
fn shown(text: &str, token: &TokenTree) -> Vec<Range<usize>> {
    match token {
        TokenTree::Group(group) => edges(group).to_vec(),
        TokenTree::Literal(literal) => quotes(text, literal),
        other => vec![other.span().byte_range()],
    }
}

/// All of a number, and the quotes of a string or character.
fn quotes(text: &str, literal: &Literal) -> Vec<Range<usize>> {
    let range = literal.span().byte_range();
    let written = &text[range.clone()];
    let quote = match (written.find('"'), written.find('\'')) {
        (Some(double), Some(single)) if single < double => '\'',
        (Some(_), _) => '"',
        (None, Some(_)) => '\'',
        (None, None) => return vec![range],
    };
    let ends = (written.find(quote).expect("it is there"), written.rfind(quote).expect("it is there"));
    vec![range.start..range.start + ends.0 + 1, range.start + ends.1..range.start + ends.1 + 1]
}

/// Calls `visit` with every token, a group before what is in it.
fn each(tokens: &[TokenTree], visit: &mut impl FnMut(&TokenTree)) {
    for token in tokens {
        visit(token);
        if let TokenTree::Group(group) = token {
            each(&inside(group), visit);
        }
    }
}

/// Calls `visit` with the tokens between each pair of brackets, from outside to inside.
fn each_level(tokens: &[TokenTree], visit: &mut impl FnMut(&[TokenTree])) {
    visit(tokens);
    for token in tokens {
        if let TokenTree::Group(group) = token {
            each_level(&inside(group), visit);
        }
    }
}

fn inside(group: &Group) -> Vec<TokenTree> {
    group.stream().into_iter().collect()
}

fn is_name(token: &TokenTree, name: &str) -> bool {
    matches!(token, TokenTree::Ident(found) if found == name)
}

fn is_sign(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(found) if found.as_char() == sign)
}

fn is_block(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

/// A group of the same brackets in the same place with other contents.
fn regroup(group: &Group, tokens: Vec<TokenTree>) -> TokenTree {
    let mut changed = Group::new(group.delimiter(), tokens.into_iter().collect());
    changed.set_span(group.span());
    TokenTree::Group(changed)
}

/// A doc comment is read as an attribute; each of its tokens has the place of the whole comment.
fn without_docs(stream: TokenStream) -> Vec<TokenTree> {
    let mut tokens = Vec::new();
    let mut stream = stream.into_iter().peekable();
    while let Some(token) = stream.next() {
        if is_sign(&token, '#') && token.span().byte_range().len() > 1 {
            stream.next_if(|next| is_sign(next, '!'));
            stream.next();
            continue;
        }
        tokens.push(match token {
            TokenTree::Group(group) => regroup(&group, without_docs(group.stream())),
            other => other,
        });
    }
    tokens
}

fn without_tests(tokens: &[TokenTree]) -> Vec<TokenTree> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if is_test_attribute(&tokens[at..]) {
            at += item_length(&tokens[at..]);
            continue;
        }
        kept.push(match &tokens[at] {
            TokenTree::Group(group) => regroup(group, without_tests(&inside(group))),
            other => other.clone(),
        });
        at += 1;
    }
    kept
}

/// Whether `#[cfg(test)]` or `#[cfg(all(test, ..))]` begins here.
fn is_test_attribute(tokens: &[TokenTree]) -> bool {
    let [sign, TokenTree::Group(attribute), ..] = tokens else { return false };
    let attribute = inside(attribute);
    let [name, TokenTree::Group(condition)] = attribute.as_slice() else { return false };
    let condition = condition.stream().to_string();
    let is_test = condition == "test" || condition.replace(' ', "").starts_with("all(test,");
    is_sign(sign, '#') && is_name(name, "cfg") && is_test
}

/// How many tokens belong to what begins here, attributes included: an item, a statement, a field or a variant.
fn item_length(tokens: &[TokenTree]) -> usize {
    let start = keyword_at(tokens);
    let keyword = tokens.get(start).map(ToString::to_string).unwrap_or_default();
    let is_statement = matches!(keyword.as_str(), "use" | "const" | "static" | "type" | "let");
    let is_part = !is_statement && !is_item_keyword(&keyword);
    let mut generics = 0;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        let is_arrow = at > 0 && (is_sign(&tokens[at - 1], '-') || is_sign(&tokens[at - 1], '='));
        generics += i32::from(is_sign(token, '<')) - i32::from(is_sign(token, '>') && !is_arrow);
        let ends_part = is_part && generics == 0 && is_sign(token, ',');
        if is_sign(token, ';') || ends_part || (!is_statement && is_block(token)) {
            return at + 1;
        }
    }
    tokens.len()
}

/// Where the word stands that says what an item is, behind its attributes and modifiers.
fn keyword_at(tokens: &[TokenTree]) -> usize {
    let mut at = 0;
    while is_sign_at(tokens, at, '#') {
        at += 2;
    }
    while let Some(token) = tokens.get(at).filter(|token| is_modifier(token, &tokens[at + 1..])) {
        let has_scope = is_name(token, "pub") && is_in_parentheses(tokens.get(at + 1));
        at += if has_scope { 2 } else { 1 };
    }
    at
}

fn is_item_keyword(word: &str) -> bool {
    TYPES.contains(&word)
        || matches!(word, "fn" | "mod" | "use" | "const" | "static" | "impl" | "macro_rules" | "extern")
}

fn is_sign_at(tokens: &[TokenTree], at: usize, sign: char) -> bool {
    tokens.get(at).is_some_and(|token| is_sign(token, sign))
}

fn is_in_parentheses(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis)
}

/// Whether a word only says more about the keyword behind it.
fn is_modifier(token: &TokenTree, rest: &[TokenTree]) -> bool {
    let before_fn = || rest.iter().take(3).any(|token| is_name(token, "fn"));
    let before_item =
        || ["impl", "trait", "extern"].iter().any(|word| rest.first().is_some_and(|token| is_name(token, word)));
    match token.to_string().as_str() {
        "pub" => true,
        "async" | "extern" | "const" => before_fn(),
        "unsafe" => before_fn() || before_item(),
        other => other.starts_with('"') && before_fn(),
    }
}

fn read_items(tokens: &[TokenTree], are_tests: bool, items: &mut Vec<Item>) {
    let mut rest = tokens;
    while !rest.is_empty() {
        let is_inner_attribute = is_sign(&rest[0], '#') && is_sign_at(rest, 1, '!');
        let length = if is_inner_attribute { 3 } else { item_length(rest) };
        let (item, behind) = rest.split_at(length);
        rest = behind;
        let keyword = keyword_at(item);
        let kind = item.get(keyword).map(ToString::to_string).unwrap_or_default();
        if is_inner_attribute || !is_item_keyword(&kind) || matches!(kind.as_str(), "impl" | "use") {
            continue;
        }
        let names = item[keyword + 1..].iter().find_map(|token| match token {
            TokenTree::Ident(name) if name != "mut" => Some(name.to_string()),
            _ => None,
        });
        let Some(name) = names else { continue };
        let is_public = item[..keyword].iter().any(|token| is_name(token, "pub"));
        let is_test = are_tests || (0..keyword).any(|at| is_test_attribute(&item[at..]));
        items.push(Item { kind: kind.clone(), name, is_public, is_test });
        if let (true, Some(TokenTree::Group(contents))) = (kind == "mod", item.last()) {
            read_items(&inside(contents), is_test, items);
        }
    }
}

/// The names from here on that are joined by `::`.
fn path(tokens: &[TokenTree]) -> Vec<String> {
    let mut names = Vec::new();
    let mut at = 0;
    while let Some(TokenTree::Ident(name)) = tokens.get(at) {
        names.push(name.to_string());
        if !(is_sign_at(tokens, at + 1, ':') && is_sign_at(tokens, at + 2, ':')) {
            break;
        }
        at += 3;
    }
    names
}

/// Reads what stands between `use` and `;`, or one branch of it.
fn read_use(tokens: &[TokenTree], before: &[String], is_public: bool, imports: &mut Vec<Import>) {
    let tokens = if is_sign_at(tokens, 0, ':') { &tokens[2..] } else { tokens };
    let names = path(tokens);
    let whole = [before, names.as_slice()].concat();
    let rest = &tokens[(3 * names.len()).min(tokens.len())..];
    let mut add = |path: Vec<String>, name: String| imports.push(Import { path, name, is_public });
    match rest.first() {
        Some(TokenTree::Group(branches)) => {
            for branch in inside(branches).split(|token| is_sign(token, ',')).filter(|branch| !branch.is_empty()) {
                read_use(branch, &whole, is_public, imports);
            }
        }
        Some(star) if is_sign(star, '*') => add(whole, "*".into()),
        _ => {
            let Some(last) = whole.last().cloned() else { return };
            let renamed = tokens.iter().position(|token| is_name(token, "as")).and_then(|at| tokens.get(at + 1));
            // `use a::{self}` names `a`.
            let path = if last == "self" && whole.len() > 1 { whole[..whole.len() - 1].to_vec() } else { whole };
            let own = path.last().cloned().expect("one name at least");
            add(path, renamed.map_or(own, ToString::to_string));
        }
    }
}
