//! How a method of the store is declared, once: its port, and the way through whatever stands around a
//! transaction.
//!
//! Each port is declared with `store_trait!`, which makes three things of it:
//!
//! 1. the port itself (`AccountsTx`), which the database implements;
//! 2. its forwarder (`ForwardAccounts`), whose methods all have a body: the call goes
//!    [`around`](WrapTx::around) to the transaction within;
//! 3. the port for every type that has the forwarder.
//!
//! A wrapper says what happens around each call, once, in [`WrapTx`]. Then it is [`ForwardAll`], or it has
//! the forwarders one by one and puts methods of its own in place of some of theirs. It needs no change when
//! a port gets a method. Commit and rollback stay the wrapper's own (`Tx`).

use std::future::Future;

use futures::future::BoxFuture;

use super::error::StoreError;

/// A transaction around another one.
pub trait WrapTx: Send + Sync {
    /// The transaction within: `dyn Tx`.
    type Inner: ?Sized + Send + 'static;

    /// The transaction within.
    ///
    /// # Errors
    /// What the caller is to hear if it can no longer be asked.
    fn inner(&mut self) -> Result<&mut Self::Inner, StoreError>;

    /// Asks the transaction within. Everything that is asked comes through here.
    ///
    /// # Errors
    /// Those of the call and of [`Self::inner`], and whatever the wrapper makes of them.
    fn around<'tx, T, C>(&'tx mut self, call: C) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        T: Send,
        C: FnOnce(&'tx mut Self::Inner) -> BoxFuture<'tx, Result<T, StoreError>> + Send,
    {
        async move { call(self.inner()?).await }
    }
}

/// A wrapper that puts nothing of its own in place of any method.
pub trait ForwardAll: WrapTx {}

/// Declares a port of the store: see the head of `ports/store/forward.rs`.
macro_rules! store_trait {
    (
        $(#[$about_trait:meta])*
        pub trait $port:ident, forwarded by $forward:ident {
            $(
                $(#[$about:meta])*
                async fn $name:ident(&mut self $(, $argument:ident: $type:ty)* $(,)?)
                -> Result<$answer:ty, StoreError>;
            )+
        }
    ) => {
        $(#[$about_trait])*
        #[async_trait::async_trait]
        pub trait $port {
            $(
                $(#[$about])*
                async fn $name(&mut self $(, $argument: $type)*) -> Result<$answer, StoreError>;
            )+
        }

        #[doc = concat!("[`", stringify!($port), "`] of a transaction around another one.")]
        #[async_trait::async_trait]
        pub trait $forward: super::forward::WrapTx<Inner: $port> {
            $(
                $(#[$about])*
                async fn $name(&mut self $(, $argument: $type)*) -> Result<$answer, StoreError> {
                    self.around(move |tx| $port::$name(tx $(, $argument)*)).await
                }
            )+
        }

        impl<W: super::forward::ForwardAll<Inner: $port>> $forward for W {}

        #[async_trait::async_trait]
        impl<W: $forward> $port for W {
            $(
                async fn $name(&mut self $(, $argument: $type)*) -> Result<$answer, StoreError> {
                    $forward::$name(self $(, $argument)*).await
                }
            )+
        }
    };
}
pub(super) use store_trait;
