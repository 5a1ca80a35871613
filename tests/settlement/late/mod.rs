//! Money that comes too late, or belongs to no reservation.

mod late_payments;
mod unattributed;
