//! Every name the sources of a crate mention, and where it leads.
//!
//! [`Names::read`] collects references (from `use`, paths in types and expressions, attribute strings, and
//! the tokens of macros) and bindings (`use`, `extern crate`, type aliases, modules). [`Names::chains`]
//! then follows a reference through the bindings, and tells every stop on the way: a type
//! that `mid` re-exports from `stellar` leads to `mid` and to `stellar`.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::source::{CRATES, Tree, root_of_crate};

/// How many bindings one name is followed through; longer chains are cycles.
const HOPS_MAX: usize = 8;

type Segments = Vec<String>;

/// A path as written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Written {
    segments: Segments,
    /// It begins with `::`.
    global: bool,
    /// It stands in a `use`, where a lone name can be a crate.
    in_use: bool,
}

/// One mention of a path.
#[derive(Debug, Clone)]
pub struct Reference {
    written: Written,
    /// The module it stands in, inline modules included.
    scope: Segments,
    /// It ends in `::*`.
    pub glob: bool,
    /// It is compiled for tests only.
    pub test: bool,
    /// Index into [`Tree::files`].
    pub file: usize,
    pub line: usize,
}

impl Reference {
    /// As it stands in the source.
    pub fn text(&self) -> String {
        let star = if self.glob { "::*" } else { "" };
        format!("{}{}{star}", if self.written.global { "::" } else { "" }, self.written.segments.join("::"))
    }

    /// The module of the file, without inline modules.
    pub fn place<'t>(&self, tree: &'t Tree) -> &'t [String] {
        tree.files[self.file].module.as_deref().unwrap_or_default()
    }
}

/// A stop on the way of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// In the workspace, from the root package's root.
    Ours(Segments),
    /// In another crate, named first by its package's own name.
    Foreign(Segments),
}

/// `use of::*`.
#[derive(Debug)]
struct Glob {
    of: Target,
    /// Others can see through it.
    public: bool,
}

/// All names of a tree.
#[derive(Default)]
pub struct Names {
    pub references: Vec<Reference>,
    modules: BTreeSet<Segments>,
    test_modules: BTreeSet<Segments>,
    definitions: BTreeSet<(Segments, String)>,
    bindings: BTreeMap<(Segments, String), Vec<Written>>,
    globs_written: Vec<(Segments, Written, bool)>,
    globs: BTreeMap<Segments, Vec<Glob>>,
    packages: BTreeMap<String, String>,
}

impl Names {
    pub fn read(tree: &Tree) -> Self {
        Self::read_knowing(tree, [])
    }

    /// Takes `crates` for names of crates even while Cargo.toml does not name them.
    pub fn read_knowing(tree: &Tree, crates: impl IntoIterator<Item = &'static str>) -> Self {
        let mut names = Self { packages: tree.packages.clone(), ..Self::default() };
        for name in crates {
            names.packages.entry(name.to_owned()).or_insert_with(|| name.to_owned());
        }
        for (file, source) in tree.files.iter().enumerate() {
            let Some(module) = &source.module else { continue };
            names.add_module(module);
            let mut collector = Collector { names: &mut names, file, scope: module.clone(), test: false };
            collector.visit_file(&source.syntax);
        }
        names.resolve_globs();
        for reference in &mut names.references {
            let scope = &reference.scope;
            reference.test |= (0..=scope.len()).any(|length| names.test_modules.contains(&scope[..length]));
        }
        names
    }

    /// True if the whole module is for tests only.
    pub fn is_test_module(&self, module: &[String]) -> bool {
        (0..=module.len()).any(|length| self.test_modules.contains(&module[..length]))
    }

    fn add_module(&mut self, module: &[String]) {
        for length in 0..=module.len() {
            self.modules.insert(module[..length].to_vec());
        }
    }

    /// Finds what each glob opens: once, and before any glob counts, or globs of globs would go in circles.
    fn resolve_globs(&mut self) {
        let mut globs: BTreeMap<Segments, Vec<Glob>> = BTreeMap::new();
        for (scope, written, public) in std::mem::take(&mut self.globs_written) {
            for of in self
                .follow(&scope, &written, HOPS_MAX)
                .into_iter()
                .filter_map(|chain| chain.into_iter().last())
            {
                globs.entry(scope.clone()).or_default().push(Glob { of, public });
            }
        }
        self.globs = globs;
    }

    /// Where a reference leads: one chain of stops for each thing the name can mean. A local name has none.
    pub fn chains(&self, reference: &Reference) -> Vec<Vec<Target>> {
        self.follow(&reference.scope, &reference.written, HOPS_MAX)
    }

    /// The modules that define what a reference names, however many re-exports lie between: where a type
    /// alias and what it stands for are two, both. The name of a whole module has none, since what is taken
    /// from it is named again where it is used.
    pub fn definers(&self, reference: &Reference) -> BTreeSet<Vec<String>> {
        let mut found = BTreeSet::new();
        for chain in self.chains(reference) {
            for (index, stop) in chain.iter().enumerate() {
                let Target::Ours(path) = stop else { continue };
                let is_module = |length: &usize| self.modules.contains(&path[..*length]);
                let length = (0..=path.len()).rev().find(is_module).unwrap_or_default();
                let Some(name) = path.get(length) else { continue };
                let module = path[..length].to_vec();
                if index + 1 == chain.len() || self.definitions.contains(&(module.clone(), name.clone())) {
                    found.insert(module);
                }
            }
        }
        found
    }

    fn follow(&self, scope: &[String], written: &Written, hops: usize) -> Vec<Vec<Target>> {
        let Some((first, rest)) = written.segments.split_first() else { return Vec::new() };
        if written.global {
            return match root_of_crate(first) {
                Some(root) => self.walk(&root, rest, hops),
                None => self.foreign(written),
            };
        }
        match first.as_str() {
            "crate" => return self.walk(&root_of(scope), rest, hops),
            "self" | "super" => return self.walk(scope, &written.segments, hops),
            "Self" => return Vec::new(),
            _ => {}
        }
        if let Some(home) = self.home_of(scope, first, &mut BTreeSet::new())
            && !(written.in_use && self.only_names_itself(&home, first))
        {
            return self.walk(&home, &written.segments, hops);
        }
        if let Some(root) = root_of_crate(first) {
            return self.walk(&root, rest, hops);
        }
        if written.in_use || !rest.is_empty() { self.foreign(written) } else { Vec::new() }
    }

    /// `use hex;` and `use async_trait::async_trait;` bind the name they begin with, and mean the crate.
    fn only_names_itself(&self, module: &[String], name: &str) -> bool {
        let key = (module.to_vec(), name.to_owned());
        let bound = self.bindings.get(&key);
        bound.is_some_and(|bound| bound.iter().all(|to| to.in_use && !to.global && to.segments[0] == name))
            && !self.definitions.contains(&key)
            && !self.modules.contains(&child(module, name))
    }

    fn foreign(&self, written: &Written) -> Vec<Vec<Target>> {
        let Some(package) = self.packages.get(&written.segments[0]) else { return Vec::new() };
        let mut path = written.segments.clone();
        path[0].clone_from(package);
        vec![vec![Target::Foreign(path)]]
    }

    /// The module that gives `name` to code in `scope`: itself, or one that it imports with a glob.
    fn home_of(&self, scope: &[String], name: &str, seen: &mut BTreeSet<Segments>) -> Option<Segments> {
        if self.has(scope, name) {
            return Some(scope.to_vec());
        }
        if !seen.insert(scope.to_vec()) {
            return None;
        }
        self.globs.get(scope)?.iter().find_map(|glob| match &glob.of {
            Target::Ours(module) => self.home_of(module, name, seen),
            Target::Foreign(_) => None,
        })
    }

    fn has(&self, module: &[String], name: &str) -> bool {
        let key = (module.to_vec(), name.to_owned());
        self.definitions.contains(&key)
            || self.bindings.contains_key(&key)
            || self.modules.contains(&child(module, name))
    }

    /// Goes down from `module` by `rest`, following what is bound on the way.
    fn walk(&self, module: &[String], rest: &[String], hops: usize) -> Vec<Vec<Target>> {
        let Some(hops) = hops.checked_sub(1) else { return Vec::new() };
        let mut module = module.to_vec();
        let mut found = Vec::new();
        for (index, name) in rest.iter().enumerate() {
            match name.as_str() {
                "self" => continue,
                "super" => {
                    module.pop();
                    continue;
                }
                _ => {}
            }
            let stop = Target::Ours([&module[..], &rest[index..]].concat());
            for mut chain in self.bound(&module, &rest[index..], hops) {
                chain.insert(0, stop.clone());
                found.push(chain);
            }
            let below = child(&module, name);
            if !self.modules.contains(&below) {
                if found.is_empty() {
                    found.push(vec![stop]);
                }
                return found;
            }
            module = below;
        }
        found.push(vec![Target::Ours(module)]);
        found
    }

    /// Where `rest` leads by the bindings and globs of `module`.
    fn bound(&self, module: &[String], rest: &[String], hops: usize) -> Vec<Vec<Target>> {
        let mut chains = Vec::new();
        for written in self.bindings.get(&(module.to_vec(), rest[0].clone())).into_iter().flatten() {
            let mut onward = written.clone();
            onward.segments.extend_from_slice(&rest[1..]);
            chains.extend(self.follow(module, &onward, hops));
        }
        if self.has(module, &rest[0]) {
            return chains;
        }
        for glob in self.globs.get(module).into_iter().flatten() {
            match &glob.of {
                Target::Ours(origin) => {
                    let known = self.home_of(origin, &rest[0], &mut BTreeSet::new()).is_some();
                    if (glob.public || known) && origin != module {
                        chains.extend(self.walk(origin, rest, hops));
                    }
                }
                Target::Foreign(path) if glob.public => {
                    chains.push(vec![Target::Foreign([&path[..], rest].concat())]);
                }
                Target::Foreign(_) => {}
            }
        }
        chains
    }
}

fn child(module: &[String], name: &str) -> Segments {
    let mut path = module.to_vec();
    path.push(name.to_owned());
    path
}

/// `crate` means the binary in `main.rs`, the package itself under `crates/`, and the library elsewhere.
fn root_of(scope: &[String]) -> Segments {
    let is_root = |first: &&String| *first == "main" || CRATES.iter().any(|(.., module)| first == module);
    scope.first().filter(is_root).cloned().into_iter().collect()
}

/// True for `#[cfg(test)]`, `#[cfg(all(test, …))]` and `#[test]`.
pub fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::Path(path) => path.is_ident("test"),
        syn::Meta::List(list) if list.path.is_ident("cfg") => {
            list.parse_args::<syn::Meta>().is_ok_and(|condition| implies_test(&condition))
        }
        syn::Meta::List(_) | syn::Meta::NameValue(_) => false,
    })
}

fn implies_test(condition: &syn::Meta) -> bool {
    match condition {
        syn::Meta::Path(path) => path.is_ident("test"),
        syn::Meta::List(list) if list.path.is_ident("all") => list
            .parse_args_with(syn::punctuated::Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated)
            .is_ok_and(|all| all.iter().any(implies_test)),
        syn::Meta::List(_) | syn::Meta::NameValue(_) => false,
    }
}

/// The attributes of any item.
pub fn attributes_of(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::ExternCrate(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn defined_name(item: &syn::Item) -> Option<&syn::Ident> {
    match item {
        syn::Item::Const(item) => Some(&item.ident),
        syn::Item::Enum(item) => Some(&item.ident),
        syn::Item::Fn(item) => Some(&item.sig.ident),
        syn::Item::Macro(item) => item.ident.as_ref(),
        syn::Item::Static(item) => Some(&item.ident),
        syn::Item::Struct(item) => Some(&item.ident),
        syn::Item::Trait(item) => Some(&item.ident),
        syn::Item::Type(item) => Some(&item.ident),
        syn::Item::Union(item) => Some(&item.ident),
        _ => None,
    }
}

struct Collector<'n> {
    names: &'n mut Names,
    file: usize,
    scope: Segments,
    test: bool,
}

impl Collector<'_> {
    fn refer(&mut self, written: Written, glob: bool, line: usize) {
        let (scope, test, file) = (self.scope.clone(), self.test, self.file);
        self.names.references.push(Reference { written, scope, glob, test, file, line });
    }

    fn mention(&mut self, segments: Segments, global: bool, line: usize) {
        self.refer(Written { segments, global, in_use: false }, false, line);
    }

    fn bind(&mut self, name: String, written: Written) {
        self.names.bindings.entry((self.scope.clone(), name)).or_default().push(written);
    }

    fn use_tree(&mut self, tree: &syn::UseTree, prefix: &Written, public: bool) {
        let with = |ident: &syn::Ident| {
            let mut longer = prefix.clone();
            if ident != "self" || longer.segments.is_empty() {
                longer.segments.push(ident.to_string());
            }
            longer
        };
        let line = tree.span().start().line;
        match tree {
            syn::UseTree::Path(path) => self.use_tree(&path.tree, &with(&path.ident), public),
            syn::UseTree::Name(name) => {
                let whole = with(&name.ident);
                if let Some(last) = whole.segments.last().cloned() {
                    self.bind(last, whole.clone());
                }
                self.refer(whole, false, line);
            }
            syn::UseTree::Rename(rename) => {
                let whole = with(&rename.ident);
                self.bind(rename.rename.to_string(), whole.clone());
                self.refer(whole, false, line);
            }
            syn::UseTree::Glob(_) => {
                self.names.globs_written.push((self.scope.clone(), prefix.clone(), public));
                self.refer(prefix.clone(), true, line);
            }
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.use_tree(tree, prefix, public);
                }
            }
        }
    }

    fn item_use(&mut self, item: &syn::ItemUse) {
        let prefix = Written { segments: Vec::new(), global: item.leading_colon.is_some(), in_use: true };
        self.use_tree(&item.tree, &prefix, !matches!(item.vis, syn::Visibility::Inherited));
    }

    fn inside(&mut self, name: &str, work: impl FnOnce(&mut Self)) {
        self.scope.push(name.to_owned());
        self.names.add_module(&self.scope.clone());
        work(self);
        self.scope.pop();
    }

    /// Reads the tokens of a macro: every `a::b` in them, `use` lines, and inline modules.
    fn tokens(&mut self, stream: TokenStream) {
        let tokens: Vec<TokenTree> = without_dollar_crate(stream);
        let mut at = 0;
        while at < tokens.len() {
            at = match &tokens[at] {
                TokenTree::Group(group) => {
                    self.tokens(group.stream());
                    at + 1
                }
                TokenTree::Ident(word) if word == "use" => self.tokens_use(&tokens, at),
                TokenTree::Ident(word) if word == "mod" => self.tokens_mod(&tokens, at),
                TokenTree::Ident(_) => self.tokens_path(&tokens, at, &[]),
                TokenTree::Punct(_) | TokenTree::Literal(_) => at + 1,
            };
        }
    }

    fn tokens_use(&mut self, tokens: &[TokenTree], at: usize) -> usize {
        let Some(length) = tokens[at..].iter().position(|token| is_punct(Some(token), ';')) else {
            return at + 1;
        };
        let line = tokens[at..=at + length].iter().cloned().collect();
        match syn::parse2::<syn::ItemUse>(line) {
            Ok(item) => {
                self.item_use(&item);
                at + length + 1
            }
            Err(_) => at + 1,
        }
    }

    fn tokens_mod(&mut self, tokens: &[TokenTree], at: usize) -> usize {
        match (tokens.get(at + 1), tokens.get(at + 2)) {
            (Some(TokenTree::Ident(name)), Some(TokenTree::Group(body))) => {
                let (name, body) = (name.to_string(), body.stream());
                self.inside(&name, |inner| inner.tokens(body));
                at + 3
            }
            _ => at + 1,
        }
    }

    /// Reads `a::b::c`, `a::{b, c::d}` from `at`, after `prefix`; answers where it ends.
    fn tokens_path(&mut self, tokens: &[TokenTree], mut at: usize, prefix: &[String]) -> usize {
        let line = line_of(&tokens[at]);
        let before = |back: usize| at.checked_sub(back).and_then(|index| tokens.get(index));
        let pasted = is_punct(before(1), '$');
        let after_colons = is_punct(before(1), ':') && is_punct(before(2), ':');
        let continues =
            after_colons && (matches!(before(3), Some(TokenTree::Ident(_))) || is_punct(before(3), '>'));
        let mut segments = prefix.to_vec();
        while let Some(TokenTree::Ident(name)) = tokens.get(at) {
            segments.push(name.to_string());
            at += 1;
            if !(is_punct(tokens.get(at), ':') && is_punct(tokens.get(at + 1), ':')) {
                break;
            }
            match tokens.get(at + 2) {
                Some(TokenTree::Ident(_)) => at += 2,
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                    self.tokens_group(group.stream(), &segments);
                    return at + 3;
                }
                _ => break,
            }
        }
        if !pasted && !continues {
            self.mention(segments, after_colons && prefix.is_empty(), line);
        }
        at
    }

    fn tokens_group(&mut self, stream: TokenStream, prefix: &[String]) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            let starts = at == 0 || is_punct(tokens.get(at - 1), ',');
            at = match &tokens[at] {
                TokenTree::Ident(_) if starts => self.tokens_path(&tokens, at, prefix),
                _ => at + 1,
            };
        }
    }
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

fn without_dollar_crate(stream: TokenStream) -> Vec<TokenTree> {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let is_crate =
        |token: Option<&TokenTree>| matches!(token, Some(TokenTree::Ident(name)) if name == "crate");
    let keep = |index: &usize| !(is_punct(tokens.get(*index), '$') && is_crate(tokens.get(index + 1)));
    (0..tokens.len()).filter(keep).map(|index| tokens[index].clone()).collect()
}

fn path_segments(path: &syn::Path) -> Segments {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

impl<'ast> Visit<'ast> for Collector<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let outer = self.test;
        self.test |= is_for_tests(attributes_of(item));
        if let Some(name) = defined_name(item) {
            self.names.definitions.insert((self.scope.clone(), name.to_string()));
        }
        visit::visit_item(self, item);
        self.test = outer;
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        let outer = self.test;
        self.test |= is_for_tests(&function.attrs);
        visit::visit_impl_item_fn(self, function);
        self.test = outer;
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        let name = module.ident.to_string();
        for attribute in &module.attrs {
            self.visit_attribute(attribute);
        }
        if self.test {
            self.names.test_modules.insert(child(&self.scope, &name));
        }
        self.inside(&name, |inner| {
            for item in module.content.iter().flat_map(|(_, items)| items) {
                inner.visit_item(item);
            }
        });
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.item_use(item);
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        let name = item.rename.as_ref().map_or(&item.ident, |(_, rename)| rename).to_string();
        let own = item.ident == "self";
        let segments = vec![if own { "crate".to_owned() } else { item.ident.to_string() }];
        let written = Written { segments, global: !own, in_use: true };
        self.bind(name, written.clone());
        self.refer(written, false, item.span().start().line);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        if let syn::Type::Path(path) = &*item.ty
            && path.qself.is_none()
        {
            let (segments, global) = (path_segments(&path.path), path.path.leading_colon.is_some());
            self.bind(item.ident.to_string(), Written { segments, global, in_use: false });
        }
        visit::visit_item_type(self, item);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let line = path.span().start().line;
        self.mention(path_segments(path), path.leading_colon.is_some(), line);
        visit::visit_path(self, path);
    }

    /// `<Instant>::now` is `Instant::now`.
    fn visit_expr_path(&mut self, expression: &'ast syn::ExprPath) {
        if let Some(syn::QSelf { ty, position, .. }) = &expression.qself
            && let syn::Type::Path(owner) = &**ty
        {
            let rest = path_segments(&expression.path).split_off(*position);
            let line = expression.span().start().line;
            self.mention(
                [path_segments(&owner.path), rest].concat(),
                owner.path.leading_colon.is_some(),
                line,
            );
        }
        visit::visit_expr_path(self, expression);
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        self.visit_path(&invocation.path);
        self.tokens(invocation.tokens.clone());
    }

    /// `#[serde(with = "crate::a::b")]` names a path in a string.
    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if attribute.path().is_ident("doc") {
            return;
        }
        visit::visit_attribute(self, attribute);
        if let syn::Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
            for token in list.tokens.clone() {
                let line = line_of(&token);
                if let TokenTree::Literal(literal) = token
                    && let syn::Lit::Str(text) = syn::Lit::new(literal)
                    && let Ok(path) = text.parse::<syn::Path>()
                    && path.segments.len() > 1
                {
                    self.mention(path_segments(&path), path.leading_colon.is_some(), line);
                }
            }
        }
    }
}

/// True if `path` is `whole` or something in it: `domain::money` is within `domain`.
pub fn is_within(path: &str, whole: &str) -> bool {
    path.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The line a token begins on.
pub fn line_of(token: &TokenTree) -> usize {
    token.span().start().line
}
