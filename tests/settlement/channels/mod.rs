//! Accounts and channels that are opened, topped up and lost.

mod lost_channels;
mod opening;
