use axum::Json;
use axum::extract::State;

use crate::api::{Payment, ProblemCode, RefundAddress, RefundAddressBody, examples};
use crate::domain::payment::PaymentId;
use crate::domain::refund;
use crate::domain::transfer::GivenBack;
use crate::http::auth::{May, ReservationsResolve};
use crate::http::document::ReturnProblems;
use crate::http::input::{Input, PathId};
use crate::http::{App, Problem};
use crate::ports::store::transact;
use crate::settlement::{ReturnError, return_to};

/// Decides where a payment's return goes.
///
/// For money that cannot go back to where it came from: its payer demands a memo, is a contract, has merged
/// its account, or is an account of the service. Only while the return is `pending`. Deciding the same again
/// is harmless.
#[utoipa::path(
    post,
    path = "/v1/payments/{id}/return",
    operation_id = "returnPayment",
    tag = "money",
    params(("id" = String, Path, description = "Its id")),
    request_body(content = RefundAddressBody, example = json!(examples::refund_address())),
    responses(
        (status = 200, description = "Decided; it is sent with one of the next ledgers", body = Payment,
         example = json!(examples::returned_payment())),
        ReturnProblems,
    ),
    security(("api_key" = [])),
)]
pub(in crate::http) async fn handler(
    caller: May<ReservationsResolve>,
    State(app): State<App>,
    PathId(id): PathId<PaymentId>,
    body: Input<RefundAddress>,
) -> Result<Json<Payment>, Problem> {
    let to = refund::RefundAddress::from(body.value);
    let decider = caller.decider(&app);
    let decided = transact(&app.store, move |tx| {
        let (to, decider) = (to.clone(), decider.clone());
        Box::pin(async move {
            let Some(transfer) = return_to(tx, &decider, GivenBack::Payment(id), &to).await? else {
                return Ok(None);
            };
            Ok::<_, ReturnError>(tx.payment(id).await?.map(|stored| (stored, transfer)))
        })
    })
    .await;
    match decided {
        Ok(Some((stored, transfer))) => {
            let shape = Payment::new(&stored.payment, stored.reservation, stored.attribution);
            Ok(Json(shape.with_return(Some(&transfer))))
        }
        Ok(None) => Err(Problem::not_found("payment", id)),
        Err(error) => Err(refused(error)),
    }
}

/// A decision about a return or a repayment that is not carried out.
pub(super) fn refused(error: ReturnError) -> Problem {
    match error {
        ReturnError::NotOwed(_) => Problem::new(ProblemCode::NotOwed, error),
        ReturnError::NotPending { .. } => Problem::new(ProblemCode::ReturnUnderWay, error),
        ReturnError::Ours(_) => Problem::new(ProblemCode::RefundAddress, error).field("address"),
        ReturnError::Store(error) => error.into(),
        ReturnError::Engine(error) => error.into(),
    }
}
