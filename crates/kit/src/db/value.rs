//! Values in and rows out, the same for both drivers.

use std::error::Error as StdError;

use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, Kind, ToSql, Type, to_sql_checked};

use crate::secrets::Secret;
use crate::{Error, Result, Timestamp};

/// What a column may hold: the palette of both databases.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
    /// Of values of one kind, for [`dialect::insert_rows`](super::dialect::insert_rows) on PostgreSQL; no column holds one.
    List(Vec<Value>),
}

macro_rules! into_value {
    ($($from:ty => |$name:ident| $value:expr;)*) => {$(
        impl From<$from> for Value {
            fn from($name: $from) -> Value { $value }
        }
    )*};
}

into_value! {
    bool => |it| Value::Bool(it);
    i64 => |it| Value::Int(it);
    i32 => |it| Value::Int(it.into());
    u32 => |it| Value::Int(it.into());
    u16 => |it| Value::Int(it.into());
    f64 => |it| Value::Real(it);
    &str => |it| Value::Text(it.to_owned());
    &&str => |it| Value::Text((*it).to_owned());
    String => |it| Value::Text(it);
    &String => |it| Value::Text(it.clone());
    Vec<u8> => |it| Value::Blob(it);
    Timestamp => |it| Value::Int(it.0);
    serde_json::Value => |it| Value::Text(it.to_string());
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

/// Types that a column can be read into.
pub trait FromValue: Sized {
    /// Converts, or says what was found instead.
    fn from_value(value: Value) -> Result<Self>;
}

impl Value {
    /// Refuses what one of the databases would refuse or change, so that both answer alike: PostgreSQL has no texts with
    /// a NUL, and SQLite turns "not a number" into null.
    pub(super) fn check(&self) -> Result<()> {
        match self {
            Value::Text(text) if text.contains('\0') => Err(Error::invalid("text", "must not contain a NUL character")),
            Value::Real(real) if real.is_nan() => Err(Error::invalid("number", "must be a number")),
            Value::List(values) => values.iter().try_for_each(Value::check),
            _ => Ok(()),
        }
    }

    /// What it is, without saying its content: that may be a secret.
    fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Int(_) => "an integer",
            Value::Real(_) => "a real",
            Value::Text(_) => "a text",
            Value::Blob(_) => "bytes",
            Value::List(_) => "a list",
        }
    }
}

fn mismatch<T>(wanted: &str, found: &Value) -> Result<T> {
    Err(Error::internal(format!("a column holds {} where {wanted} was expected", found.kind())))
}

impl FromValue for i64 {
    fn from_value(value: Value) -> Result<i64> {
        match value {
            Value::Int(it) => Ok(it),
            other => mismatch("an integer", &other),
        }
    }
}

impl FromValue for f64 {
    fn from_value(value: Value) -> Result<f64> {
        match value {
            Value::Real(it) => Ok(it),
            #[expect(clippy::cast_precision_loss, reason = "SQLite stores whole reals as integers")]
            Value::Int(it) => Ok(it as f64),
            other => mismatch("a real", &other),
        }
    }
}

impl FromValue for bool {
    fn from_value(value: Value) -> Result<bool> {
        match value {
            Value::Bool(it) => Ok(it),
            Value::Int(it @ (0 | 1)) => Ok(it == 1),
            other => mismatch("a boolean", &other),
        }
    }
}

impl FromValue for String {
    fn from_value(value: Value) -> Result<String> {
        match value {
            Value::Text(it) => Ok(it),
            other => mismatch("a text", &other),
        }
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: Value) -> Result<Vec<u8>> {
        match value {
            Value::Blob(it) => Ok(it),
            other => mismatch("bytes", &other),
        }
    }
}

impl FromValue for Timestamp {
    fn from_value(value: Value) -> Result<Timestamp> {
        i64::from_value(value).map(Timestamp)
    }
}

impl FromValue for Secret {
    fn from_value(value: Value) -> Result<Secret> {
        String::from_value(value).map(Secret::new)
    }
}

impl FromValue for serde_json::Value {
    fn from_value(value: Value) -> Result<serde_json::Value> {
        Ok(serde_json::from_str(&String::from_value(value)?)?)
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value) -> Result<Option<T>> {
        match value {
            Value::Null => Ok(None),
            value => T::from_value(value).map(Some),
        }
    }
}

/// One row of a result, of either driver.
pub enum Row<'a> {
    /// SQLite's.
    Lite(&'a rusqlite::Row<'a>),
    /// PostgreSQL's.
    Postgres(&'a tokio_postgres::Row),
}

impl Row<'_> {
    /// The column named `name`.
    pub fn get<T: FromValue>(&self, name: &str) -> Result<T> {
        let found = match self {
            Row::Lite(row) => row.as_ref().column_index(name).ok(),
            Row::Postgres(row) => row.columns().iter().position(|column| column.name() == name),
        };
        let at = found.ok_or_else(|| Error::internal(format!("the result has no column `{name}`")))?;
        self.at(at).map_err(|error| Error::internal(format!("column `{name}`: {error}")))
    }

    /// The column at `index`, counted from 0.
    pub fn at<T: FromValue>(&self, index: usize) -> Result<T> {
        T::from_value(match self {
            Row::Lite(row) => lite_value(row.get_ref(index)?),
            Row::Postgres(row) => postgres_value(row, index)?,
        })
    }
}

fn lite_value(value: rusqlite::types::ValueRef<'_>) -> Value {
    use rusqlite::types::ValueRef;
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(it) => Value::Int(it),
        ValueRef::Real(it) => Value::Real(it),
        ValueRef::Text(it) => Value::Text(String::from_utf8_lossy(it).into_owned()),
        ValueRef::Blob(it) => Value::Blob(it.to_vec()),
    }
}

fn postgres_value(row: &tokio_postgres::Row, index: usize) -> Result<Value> {
    let kind = row.columns().get(index).map(|column| column.type_().clone());
    let value = match kind.as_ref() {
        Some(&Type::BOOL) => row.try_get::<_, Option<bool>>(index)?.map(Value::Bool),
        Some(&Type::INT2) => row.try_get::<_, Option<i16>>(index)?.map(|it| Value::Int(it.into())),
        Some(&Type::INT4) => row.try_get::<_, Option<i32>>(index)?.map(|it| Value::Int(it.into())),
        Some(&Type::INT8) => row.try_get::<_, Option<i64>>(index)?.map(Value::Int),
        Some(&Type::FLOAT4) => row.try_get::<_, Option<f32>>(index)?.map(|it| Value::Real(it.into())),
        Some(&Type::FLOAT8) => row.try_get::<_, Option<f64>>(index)?.map(Value::Real),
        Some(&Type::TEXT | &Type::VARCHAR | &Type::NAME) => row.try_get::<_, Option<String>>(index)?.map(Value::Text),
        Some(&Type::BYTEA) => row.try_get::<_, Option<Vec<u8>>>(index)?.map(Value::Blob),
        other => return Err(Error::internal(format!("column {index} has type {other:?}: cast it to one of the palette"))),
    };
    Ok(value.unwrap_or(Value::Null))
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::{ToSqlOutput, ValueRef};
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Bool(it) => ValueRef::Integer((*it).into()),
            Value::Int(it) => ValueRef::Integer(*it),
            Value::Real(it) => ValueRef::Real(*it),
            Value::Text(it) => ValueRef::Text(it.as_bytes()),
            Value::Blob(it) => ValueRef::Blob(it),
            Value::List(_) => return Err(rusqlite::Error::ToSqlConversionFailure("SQLite has no lists".into())),
        }))
    }
}

/// Encodes to the type that the server asked for, so that a null needs no type of its own.
impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match (self, ty) {
            (Value::Null, _) => Ok(IsNull::Yes),
            (Value::Bool(it), &Type::BOOL) => it.to_sql(ty, out),
            (Value::Int(it), &Type::INT8) => it.to_sql(ty, out),
            (Value::Int(it), &Type::INT4) => i32::try_from(*it)?.to_sql(ty, out),
            (Value::Int(it), &Type::INT2) => i16::try_from(*it)?.to_sql(ty, out),
            #[expect(clippy::cast_precision_loss, reason = "the column is a real")]
            (Value::Int(it), &Type::FLOAT8) => (*it as f64).to_sql(ty, out),
            (Value::Real(it), &Type::FLOAT8) => it.to_sql(ty, out),
            (Value::Text(it), &Type::TEXT | &Type::VARCHAR | &Type::NAME) => it.to_sql(ty, out),
            (Value::Blob(it), &Type::BYTEA) => it.to_sql(ty, out),
            (Value::List(it), ty) if matches!(ty.kind(), Kind::Array(_)) => it.to_sql(ty, out),
            (value, ty) => Err(format!("cannot bind {} to a parameter of type {ty}", value.kind()).into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// Types that a row can be read into: tuples by position, structs by [`from_row!`](crate::from_row).
pub trait FromRow: Sized {
    /// Reads one row.
    fn from_row(row: &Row<'_>) -> Result<Self>;
}

macro_rules! tuple_from_row {
    ($($name:ident $at:tt),*) => {
        impl<$($name: FromValue),*> FromRow for ($($name,)*) {
            fn from_row(row: &Row<'_>) -> Result<Self> {
                Ok(($(row.at::<$name>($at)?,)*))
            }
        }
    };
}

tuple_from_row!(A 0);
tuple_from_row!(A 0, B 1);
tuple_from_row!(A 0, B 1, C 2);
tuple_from_row!(A 0, B 1, C 2, D 3);
tuple_from_row!(A 0, B 1, C 2, D 3, E 4);
tuple_from_row!(A 0, B 1, C 2, D 3, E 4, F 5);

/// Reads a struct's fields from the columns of the same names: `from_row!(Site { id, name })`.
#[macro_export]
macro_rules! from_row {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl $crate::db::FromRow for $name {
            fn from_row(row: &$crate::db::Row<'_>) -> $crate::Result<Self> {
                Ok($name { $($field: row.get(stringify!($field))?,)* })
            }
        }
    };
}

/// Stores a field-less enum as lower-case text: `text_enum!(State { Active = "active", Stopped = "stopped" })`.
#[macro_export]
macro_rules! text_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $text)] $variant),* }

        impl $name {
            /// All of them, in the order of their declaration.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The stored and shown text.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text),* }
            }

            /// Reads the stored text back.
            pub fn from_text(text: &str) -> Option<$name> {
                match text { $($text => Some($name::$variant),)* _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl From<$name> for $crate::db::Value {
            fn from(value: $name) -> $crate::db::Value {
                $crate::db::Value::Text(value.as_str().to_owned())
            }
        }

        impl $crate::db::FromValue for $name {
            fn from_value(value: $crate::db::Value) -> $crate::Result<$name> {
                let text = <String as $crate::db::FromValue>::from_value(value)?;
                $name::from_text(&text)
                    .ok_or_else(|| $crate::Error::internal(format!(concat!("`{}` is no ", stringify!($name)), text)))
            }
        }
    };
}
