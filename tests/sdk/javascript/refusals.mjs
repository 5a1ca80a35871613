// How each refusal of ../refusals.json is provoked.

import { Asset, Claimant, Operation, TransactionBuilder } from "@stellar/stellar-sdk";
import { CLAWBACK, REVOCABLE } from "./world.mjs";

const NO_BALANCE = "00000000" + "ab".repeat(32);

/** Name → what makes the transaction. */
export function refusals(world) {
  const { usd, eur, kyc } = world;
  const id = (name) => world.id(name);
  const xlm = Asset.native();
  const now = () => Math.floor(Date.now() / 1000);
  const pay = (to, asset = xlm, amount = "1", source) => Operation.payment({ destination: id(to), asset, amount, source });
  const create = (destination, startingBalance) => Operation.createAccount({ destination, startingBalance });
  const merge = (to) => Operation.accountMerge({ destination: id(to) });
  const begin = (sponsor, sponsored) => Operation.beginSponsoringFutureReserves({ source: id(sponsor), sponsoredId: id(sponsored) });
  const end = (sponsored) => Operation.endSponsoringFutureReserves({ source: id(sponsored) });
  const receive = (sendAsset, sendMax, destAsset, destAmount, to = "maker") =>
    Operation.pathPaymentStrictReceive({ sendAsset, sendMax, destination: id(to), destAsset, destAmount, path: [] });
  const send = (sendAsset, sendAmount, destAsset, destMin) =>
    Operation.pathPaymentStrictSend({ sendAsset, sendAmount, destination: id("alice"), destAsset, destMin, path: [] });
  const tx = (...all) => world.tx(...all);

  return {
    "a sequence number that was used": () => tx("alice", [pay("bob")], { sequence: -1n }),
    "a signature of a stranger": () => tx("alice", [pay("bob")], { signers: ["bob"] }),
    "a signature too many": () => tx("alice", [pay("bob")], { signers: ["alice", "bob"] }),
    "no signature": () => tx("alice", [pay("bob")], { signers: [] }),
    "weights below the threshold": () => tx("shared", [pay("bob")]),
    "an operation that its source did not sign": () => tx("alice", [pay("bob"), pay("alice", xlm, "1", id("bob"))]),
    "a time that is over": () => tx("alice", [pay("bob")], { timebounds: { minTime: 0, maxTime: now() - 60 } }),
    "a time to come": () => tx("alice", [pay("bob")], { timebounds: { minTime: now() + 3600, maxTime: 0 } }),
    "a ledger to come": () => tx("alice", [pay("bob")], { ledgerbounds: { minLedger: 2_000_000_000, maxLedger: 0 } }),
    "a fee below the minimum": () => tx("alice", [pay("bob")], { fee: "99" }),
    "a fee that the source cannot pay": () => tx("poor", [pay("bob")], { fee: "20000000" }),
    "a source that is not there": () => tx("nobody", [pay("bob")]),
    "no operation": () => tx("alice", []),
    "a sequence number that is too young": () => tx("alice", [pay("bob")], { minAccountSequenceAge: 1_000_000 }),
    "a sponsorship left open": () => tx("alice", [begin("alice", "carol")]),
    "a fee bump around a failure": async () => {
      const inner = await tx("carol", [pay("dave", usd)]);
      const bump = TransactionBuilder.buildFeeBumpTransaction(world.keys.alice, "2000", inner, world.passphrase);
      bump.sign(world.keys.alice);
      return bump;
    },
    "a payment to nobody": () => tx("alice", [pay("nobody")]),
    "a payment without the receiver's trust": () => tx("alice", [pay("carol", usd)]),
    "a payment over the receiver's limit": () => tx("alice", [pay("bob", usd, "10.0000001")]),
    "a payment without the sender's trust": () => tx("carol", [pay("alice", usd)]),
    "a payment of more than there is": () => tx("alice", [pay("maker", usd, "1000000")]),
    "a payment to who is not authorized": () => tx("guard", [pay("alice", kyc)]),
    "a payment from who is not authorized": () => tx("alice", [pay("dave", kyc)]),
    "a failure among others": () => tx("alice", [pay("bob"), pay("carol", usd), pay("dave")]),
    "an account that is there already": () => tx("alice", [create(id("bob"), "10")]),
    "an account below its reserve": () => tx("alice", [create(id("nobody"), "0.9999999")]),
    "an account that its funder cannot pay": () => tx("carol", [create(id("nobody"), "1000")]),
    "trust in one's own asset": () => tx("issuer", [Operation.changeTrust({ asset: usd })]),
    "a limit below the balance": () => tx("alice", [Operation.changeTrust({ asset: usd, limit: "1" })]),
    "trust in an issuer that is not there": () => tx("alice", [Operation.changeTrust({ asset: new Asset("USD", id("nobody")) })]),
    "trust without a reserve for it": () => tx("poor", [Operation.changeTrust({ asset: usd })]),
    "a merge into nobody": () => tx("dave", [merge("nobody")]),
    "a merge into oneself": () => tx("dave", [merge("dave")]),
    "a merge of an account with trust lines": () => tx("bob", [merge("alice")]),
    "a merge of an immutable account": () => tx("fixed", [merge("alice")]),
    "a merge of a sponsor": () => tx("patron", [merge("alice")]),
    "oneself as a signer": () => tx("alice", [Operation.setOptions({ signer: { ed25519PublicKey: id("alice"), weight: 1 } })]),
    "clawback without revocation": () => tx("issuer", [Operation.setOptions({ setFlags: CLAWBACK })]),
    "a change of immutable flags": () => tx("fixed", [Operation.setOptions({ setFlags: REVOCABLE })]),
    "a path without offers": () => tx("alice", [receive(usd, "10", eur, "1")]),
    "a path that costs too much": () => tx("dave", [receive(xlm, "1.9999999", usd, "1", "alice")]),
    "a path that brings too little": () => tx("dave", [send(xlm, "2", usd, "1.0000001")]),
    "a path through one's own offer": () => tx("maker", [receive(xlm, "10", usd, "1")]),
    "an offer that is not there": () =>
      tx("maker", [Operation.manageSellOffer({ selling: usd, buying: xlm, amount: "1", price: "9", offerId: "999999999" })]),
    "a claim of nothing": () => tx("alice", [Operation.claimClaimableBalance({ balanceId: NO_BALANCE })]),
    "a claim of what is another's": async () => {
      const made = await tx("alice", [
        Operation.createClaimableBalance({ asset: xlm, amount: "1", claimants: [new Claimant(id("bob"))] }),
      ]);
      await world.submit(made);
      return tx("carol", [Operation.claimClaimableBalance({ balanceId: made.getClaimableBalanceId(0) })]);
    },
    "a claimable balance of more than there is": () =>
      tx("alice", [Operation.createClaimableBalance({ asset: usd, amount: "1000000", claimants: [new Claimant(id("bob"))] })]),
    "a sponsorship that nobody began": () => tx("carol", [end("carol")]),
    "a sponsorship begun twice": () =>
      tx("alice", [begin("alice", "carol"), begin("bob", "carol"), end("carol")], { signers: ["alice", "bob", "carol"] }),
    "a sponsorship of who sponsors": () =>
      tx("alice", [begin("alice", "carol"), begin("carol", "dave"), end("carol")], { signers: ["alice", "carol"] }),
    "a sponsorship that is another's": () =>
      tx("alice", [Operation.revokeDataSponsorship({ account: id("carol"), name: "sponsored" })]),
    "a data entry that is not there": () => tx("alice", [Operation.manageData({ name: "nothing", value: null })]),
    "flags of a line that is not there": () =>
      tx("guard", [Operation.setTrustLineFlags({ trustor: id("carol"), asset: kyc, flags: { authorized: true } })]),
    "a revocation that was not reserved": () =>
      tx("issuer", [Operation.setTrustLineFlags({ trustor: id("alice"), asset: usd, flags: { authorized: false } })]),
    "a clawback that was not reserved": () => tx("issuer", [Operation.clawback({ asset: usd, amount: "1", from: id("alice") })]),
    "a clawback of more than there is": () => tx("guard", [Operation.clawback({ asset: kyc, amount: "101", from: id("dave") })]),
  };
}
