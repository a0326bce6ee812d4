//! Looking at types, as far as their tokens tell: what is borrowed, what is called `Result`, `Ctx`, `ReplyTo`.

use quote::ToTokens;
use syn::visit_mut::{self, VisitMut};
use syn::{
    Expr, ExprPath, GenericArgument, Lifetime, ParenthesizedGenericArguments, Path, PathArguments,
    PathSegment, QSelf, TraitBound, Type, TypeFnPtr, TypeImplTrait, TypeReference, parse_quote,
};

/// The last name of a path, in parentheses or not: `Result<T>` in `io::Result<T>`.
pub(crate) fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        Type::Group(inner) => last_segment(&inner.elem),
        Type::Paren(inner) => last_segment(&inner.elem),
        _ => None,
    }
}

pub(crate) fn is_called(ty: &Type, name: &str) -> bool {
    last_segment(ty).is_some_and(|last| last.ident == name)
}

/// The type arguments of `Name<A, B>`.
pub(crate) fn arguments<'a>(ty: &'a Type, name: &str) -> Option<Vec<&'a Type>> {
    let last = last_segment(ty).filter(|last| last.ident == name)?;
    let PathArguments::AngleBracketed(list) = &last.arguments else { return Some(Vec::new()) };
    let ty = |argument: &'a GenericArgument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    };
    Some(list.args.iter().filter_map(ty).collect())
}

pub(crate) fn reference(ty: &Type) -> Option<&TypeReference> {
    match ty {
        Type::Reference(reference) => Some(reference),
        Type::Group(inner) => reference(&inner.elem),
        Type::Paren(inner) => reference(&inner.elem),
        _ => None,
    }
}

/// Whether `ty` is `()`.
pub(crate) fn is_unit(ty: &Type) -> bool {
    matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty())
}

/// What keeps a type from crossing to another thread for good.
pub(crate) enum Obstacle {
    Reference(TypeReference),
    Lifetime(Lifetime),
    ImplTrait(TypeImplTrait),
}

/// All obstacles in a type, outermost first.
///
/// `&'static` is none; nor is anything in `Fn(&str)` or `fn(&str)`, which names what a later call will borrow.
pub(crate) fn obstacles(ty: &Type) -> Vec<Obstacle> {
    let mut search = Search(Vec::new());
    search.visit_type_mut(&mut ty.clone());
    search.0
}

struct Search(Vec<Obstacle>);

impl VisitMut for Search {
    fn visit_type_reference_mut(&mut self, ty: &mut TypeReference) {
        match &ty.lifetime {
            Some(lifetime) if lifetime.ident == "static" => self.visit_type_mut(&mut ty.elem),
            _ => self.0.push(Obstacle::Reference(ty.clone())),
        }
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if lifetime.ident != "static" {
            self.0.push(Obstacle::Lifetime(lifetime.clone()));
        }
    }

    fn visit_type_impl_trait_mut(&mut self, ty: &mut TypeImplTrait) {
        self.0.push(Obstacle::ImplTrait(ty.clone()));
    }

    fn visit_type_fn_ptr_mut(&mut self, _: &mut TypeFnPtr) {}

    fn visit_parenthesized_generic_arguments_mut(&mut self, _: &mut ParenthesizedGenericArguments) {}

    fn visit_trait_bound_mut(&mut self, bound: &mut TraitBound) {
        // `for<'a> Visitor<'a>` is a promise about every lifetime, as `Fn(&str)` is.
        if bound.lifetimes.is_none() {
            visit_mut::visit_trait_bound_mut(self, bound);
        }
    }
}

/// `ty` as it reads outside the user's `impl`, where `Self` is another type.
pub(crate) fn without_self(ty: &Type, self_type: &Type) -> Type {
    let mut ty = ty.clone();
    Outside(self_type).visit_type_mut(&mut ty);
    ty
}

struct Outside<'a>(&'a Type);

impl Outside<'_> {
    /// `Self::Item` as `<Type>::Item`.
    fn qualify(&self, qself: &mut Option<QSelf>, path: &mut Path) {
        if qself.is_some() || path.leading_colon.is_some() || path.segments[0].ident != "Self" {
            return;
        }
        let ty = self.0;
        let rest = path.segments.iter().skip(1);
        let qualified: ExprPath = parse_quote!(<#ty> #(:: #rest)*);
        *qself = qualified.qself;
        *path = qualified.path;
    }
}

impl VisitMut for Outside<'_> {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        match ty {
            Type::Path(path) if path.qself.is_none() && path.path.is_ident("Self") => *ty = self.0.clone(),
            Type::Path(path) => {
                self.qualify(&mut path.qself, &mut path.path);
                visit_mut::visit_type_path_mut(self, path);
            }
            _ => visit_mut::visit_type_mut(self, ty),
        }
    }

    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        if let Expr::Path(path) = expr
            && path.path.segments.len() > 1
        {
            self.qualify(&mut path.qself, &mut path.path);
        }
        visit_mut::visit_expr_mut(self, expr);
    }
}

/// `impl Trait` as `Box<dyn Trait>`, for a method that is refused but still has a handle method.
pub(crate) fn boxed(ty: &Type) -> Type {
    let mut ty = ty.clone();
    Boxes.visit_type_mut(&mut ty);
    ty
}

struct Boxes;

impl VisitMut for Boxes {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        visit_mut::visit_type_mut(self, ty);
        if let Type::ImplTrait(TypeImplTrait { bounds, .. }) = ty {
            *ty = parse_quote!(::std::boxed::Box<dyn #bounds>);
        }
    }
}

/// How somebody would write the owned form of a borrowed type.
pub(crate) fn owned(reference: &TypeReference) -> String {
    let borrowed = reference.elem.to_token_stream().to_string();
    match &*reference.elem {
        _ if borrowed == "str" => "String".to_owned(),
        Type::Slice(slice) => format!("Vec<{}>", text(&slice.elem)),
        elem if is_called(elem, "Path") => "PathBuf".to_owned(),
        elem => text(elem),
    }
}

/// A type as rustfmt would write it, or nearly so.
pub(crate) fn text(tokens: &impl ToTokens) -> String {
    let text = tokens.to_token_stream().to_string();
    [
        (" :: ", "::"),
        (" < ", "<"),
        (" >", ">"),
        ("< ", "<"),
        (" ,", ","),
        ("& ", "&"),
        (" (", "("),
        ("( ", "("),
        (" )", ")"),
        ("[ ", "["),
        (" ]", "]"),
        (" ;", ";"),
    ]
    .iter()
    .fold(text, |text, (from, to)| text.replace(from, to))
}
