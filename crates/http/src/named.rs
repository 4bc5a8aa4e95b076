//! Enums whose variants have names outside of Rust.

/// Defines an enum, and the method that returns the name of a variant.
macro_rules! named {
    ($(#[$meta:meta])* $visibility:vis enum $name:ident . $method:ident {
        $($(#[$note:meta])* $variant:ident = $text:literal,)*
    }) => {
        $(#[$meta])*
        $visibility enum $name { $($(#[$note])* $variant,)* }

        impl $name {
            /// The name of the variant.
            pub fn $method(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

pub(crate) use named;
