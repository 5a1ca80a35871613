// What a developer does with the SDK, and what must come of it.

import assert from "node:assert/strict";
import {
  Account, AccountRequiresMemoError, Asset, Claimant, Keypair, Memo, MuxedAccount, NotFoundError, Operation, TransactionBuilder,
} from "@stellar/stellar-sdk";

/** The next record of a stream that `wanted` takes. */
function streamed(builder, wanted = () => true) {
  return new Promise((found, failed) => {
    const close = builder.stream({
      onmessage(record) {
        if (wanted(record)) {
          close();
          found(record);
        }
      },
      onerror(event) {
        close();
        failed(new Error(`the stream failed: ${event?.message ?? event}`));
      },
    });
  });
}

/** Name → what is done. */
export function cases(world) {
  const { server, usd, kyc } = world;
  const xlm = Asset.native();
  const id = (name) => world.id(name);
  const pay = (to, asset, amount, source) => Operation.payment({ destination: to, asset, amount, source });

  return {
    async "friendbot funds, once"() {
      const key = Keypair.random();
      await server.friendbot(key.publicKey()).call();
      assert.equal((await server.loadAccount(key.publicKey())).balances[0].balance, "10000.0000000");
      await assert.rejects(server.friendbot(key.publicKey()).call(), (error) => {
        assert.deepEqual(error.response.extras.result_codes.operations, ["op_already_exists"]);
        return true;
      });
    },

    async "an account is read as it is"() {
      const account = await server.loadAccount(id("shared"));
      assert.equal(account.accountId(), id("shared"));
      assert.deepEqual(account.thresholds, { low_threshold: 1, med_threshold: 2, high_threshold: 2 });
      const weights = Object.fromEntries(account.signers.map((signer) => [signer.key, signer.weight]));
      assert.deepEqual(weights, { [id("shared")]: 1, [id("bob")]: 1 });
      const guard = await server.loadAccount(id("guard"));
      assert.deepEqual(guard.flags, {
        auth_required: true, auth_revocable: true, auth_immutable: false, auth_clawback_enabled: true,
      });
    },

    async "an account that is not there is not found"() {
      await assert.rejects(server.loadAccount(id("nobody")), NotFoundError);
    },

    async "trust, payment and the end of trust"() {
      const key = await world.opened();
      await world.run(key, [Operation.changeTrust({ asset: usd, limit: "50" })]);
      await world.run("alice", [pay(key.publicKey(), usd, "12.3456789")]);
      const [line] = (await server.loadAccount(key.publicKey())).balances;
      assert.deepEqual([line.balance, line.limit, line.is_authorized], ["12.3456789", "50.0000000", true]);
      await world.run(key, [pay(id("issuer"), usd, "12.3456789"), Operation.changeTrust({ asset: usd, limit: "0" })]);
      assert.equal((await server.loadAccount(key.publicKey())).balances.length, 1);
    },

    async "a payment is found by its hash, with fee and memo"() {
      const sent = await world.run("alice", [pay(id("bob"), xlm, "1")], { memo: Memo.text("façade") });
      const found = await server.transactions().transaction(sent.hash).call();
      assert.deepEqual([found.successful, found.memo_type, found.memo, found.fee_charged], [true, "text", "façade", "100"]);
      assert.equal(TransactionBuilder.fromXDR(found.envelope_xdr, world.passphrase).hash().toString("hex"), sent.hash);
      const { records } = await server.operations().forTransaction(sent.hash).call();
      assert.deepEqual([records.length, records[0].type, records[0].amount], [1, "payment", "1.0000000"]);
      const effects = (await server.effects().forTransaction(sent.hash).call()).records.map((effect) => effect.type);
      assert.deepEqual(effects.sort(), ["account_credited", "account_debited"]);
    },

    async "every kind of memo comes back"() {
      const hash = "0f".repeat(32);
      const base64 = Buffer.from(hash, "hex").toString("base64");
      for (const [memo, type, value] of [
        [Memo.id("18446744073709551615"), "id", "18446744073709551615"],
        [Memo.hash(hash), "hash", base64],
        [Memo.return(hash), "return", base64],
      ]) {
        const sent = await world.run("alice", [pay(id("bob"), xlm, "1")], { memo });
        const found = await server.transactions().transaction(sent.hash).call();
        assert.deepEqual([found.memo_type, found.memo], [type, value]);
      }
    },

    async "a transaction sent again gives the same answer"() {
      const tx = await world.tx("alice", [pay(id("bob"), xlm, "1")]);
      const first = await world.submit(tx);
      const before = await world.balance("bob", xlm);
      const second = await world.submit(tx);
      assert.deepEqual([second.hash, second.ledger], [first.hash, first.ledger]);
      assert.equal(await world.balance("bob", xlm), before);
    },

    async "a transaction sent without waiting is pending, then there"() {
      const tx = await world.tx("alice", [pay(id("bob"), xlm, "1")]);
      const said = await server.submitAsyncTransaction(tx);
      assert.deepEqual([said.tx_status, said.hash], ["PENDING", tx.hash().toString("hex")]);
      await streamed(server.transactions().forAccount(id("alice")).cursor("0").limit(200), (one) => one.hash === said.hash);
      await assert.rejects(server.submitAsyncTransaction(await world.tx("alice", [], { sequence: 5n })), (error) => {
        assert.deepEqual([error.response.status, error.response.data.tx_status], [400, "ERROR"]);
        return true;
      });
    },

    async "what is no transaction is malformed"() {
      const answer = await fetch(`${world.url}/transactions`, { method: "POST", body: new URLSearchParams({ tx: "AAAA" }) });
      assert.equal(answer.status, 400);
      assert.equal((await answer.json()).type, "https://stellar.org/horizon-errors/transaction_malformed");
    },

    async "an offer stands in the order book"() {
      const book = await server.orderbook(usd, xlm).call();
      assert.equal(book.asks[0].price, "2.0000000");
      assert.deepEqual([book.base.asset_code, book.counter.asset_type], ["USD", "native"]);
      const { records } = await server.offers().seller(id("maker")).selling(usd).call();
      assert.equal(records[0].price, "2.0000000");
      assert.equal((await server.offers().offer(records[0].id).call()).seller, id("maker"));
    },

    async "a path is found and paid, exact on arrival"() {
      const { records } = await server.strictReceivePaths([xlm], usd, "3").call();
      assert.deepEqual([records[0].source_asset_type, records[0].source_amount, records[0].path], ["native", "6.0000000", []]);
      const key = await world.opened();
      await world.run(key, [Operation.changeTrust({ asset: usd })]);
      const sent = await world.run(key, [Operation.pathPaymentStrictReceive({
        sendAsset: xlm, sendMax: records[0].source_amount, destination: key.publicKey(), destAsset: usd, destAmount: "3", path: [],
      })]);
      assert.equal((await server.loadAccount(key.publicKey())).balances[0].balance, "3.0000000");
      const [operation] = (await server.payments().forTransaction(sent.hash).call()).records;
      assert.deepEqual([operation.type, operation.source_amount, operation.amount], ["path_payment_strict_receive", "6.0000000", "3.0000000"]);
      const trades = (await server.trades().forAccount(key.publicKey()).call()).records;
      assert.deepEqual([trades.length, trades[0].base_amount, trades[0].counter_amount], [1, "6.0000000", "3.0000000"]);
    },

    async "a path is found and paid, exact on departure"() {
      const { records } = await server.strictSendPaths(xlm, "4", [usd]).call();
      assert.deepEqual([records[0].destination_asset_code, records[0].destination_amount], ["USD", "2.0000000"]);
      const before = Number(await world.balance("alice", usd));
      await world.run("carol", [Operation.pathPaymentStrictSend({
        sendAsset: xlm, sendAmount: "4", destination: id("alice"), destAsset: usd, destMin: records[0].destination_amount, path: [],
      })]);
      assert.equal(Number(await world.balance("alice", usd)), before + 2);
      const trades = (await server.trades().forAssetPair(usd, xlm).order("desc").limit(1).call()).records;
      assert.deepEqual([trades[0].counter_amount, trades[0].price], ["4.0000000", { n: "2", d: "1" }]);
    },

    async "a path leads over two offers"() {
      const eur = world.eur;
      const [one, two] = [await world.opened(), await world.opened()];
      await world.run(one, [Operation.changeTrust({ asset: eur }), Operation.changeTrust({ asset: usd })]);
      await world.run(two, [Operation.changeTrust({ asset: eur })]);
      await world.run("issuer", [pay(one.publicKey(), eur, "100")]);
      await world.run(one, [Operation.manageSellOffer({ selling: eur, buying: usd, amount: "50", price: { n: 3, d: 2 } })]);
      const { records } = await server.strictReceivePaths(two.publicKey(), eur, "2").call();
      const found = records.find((record) => record.source_asset_type === "native");
      assert.deepEqual([found.source_amount, found.path.map((asset) => asset.asset_code)], ["6.0000000", ["USD"]]);
      await world.run(two, [Operation.pathPaymentStrictReceive({
        sendAsset: xlm, sendMax: "6", destination: two.publicKey(), destAsset: eur, destAmount: "2", path: [usd],
      })]);
      assert.equal((await server.loadAccount(two.publicKey())).balances[0].balance, "2.0000000");
    },

    async "an account without XLM is sponsored, and released"() {
      const key = Keypair.random();
      const sponsored = key.publicKey();
      await world.run("alice", [
        Operation.beginSponsoringFutureReserves({ sponsoredId: sponsored }),
        Operation.createAccount({ destination: sponsored, startingBalance: "0" }),
        Operation.changeTrust({ asset: usd, source: sponsored }),
        Operation.endSponsoringFutureReserves({ source: sponsored }),
      ], { signers: ["alice", key] });
      let account = await server.loadAccount(sponsored);
      assert.deepEqual([account.sponsor, account.num_sponsored, account.balances[0].sponsor], [id("alice"), 3, id("alice")]);
      assert.ok((await server.loadAccount(id("alice"))).num_sponsoring >= 3);
      const { records } = await server.accounts().sponsor(id("alice")).order("desc").limit(200).call();
      assert.ok(records.some((one) => one.account_id === sponsored));
      await world.run("alice", [
        pay(sponsored, xlm, "5"),
        Operation.revokeTrustlineSponsorship({ account: sponsored, asset: usd }),
        Operation.revokeAccountSponsorship({ account: sponsored }),
      ]);
      account = await server.loadAccount(sponsored);
      assert.deepEqual([account.sponsor, account.num_sponsored], [undefined, 0]);
    },

    async "two of two signers pay, and a high threshold stands"() {
      await world.run("shared", [pay(id("carol"), xlm, "1")], { signers: ["shared", "bob"] });
      const raise = Operation.setOptions({ highThreshold: 3 });
      await world.run("shared", [raise], { signers: ["shared", "bob"] });
      const codes = await world.codes(await world.tx("shared", [raise], { signers: ["shared", "bob"] }));
      assert.deepEqual(codes, { transaction: "tx_failed", operations: ["op_bad_auth"] });
      const { records } = await server.accounts().forSigner(id("bob")).limit(200).call();
      assert.ok(records.some((account) => account.account_id === id("shared")));
    },

    async "a preimage and a transaction agreed on sign too"() {
      const key = await world.opened();
      const preimage = Buffer.alloc(32, 7);
      const { createHash } = await import("node:crypto");
      const sha256Hash = createHash("sha256").update(preimage).digest();
      await world.run(key, [Operation.setOptions({ signer: { sha256Hash, weight: 1 } })]);
      const tx = await world.tx(key, [pay(id("bob"), xlm, "1")], { signers: [] });
      tx.signHashX(preimage);
      await world.submit(tx);
      const later = await world.tx(key, [pay(id("bob"), xlm, "1")], { signers: [], sequence: 1n });
      await world.run(key, [Operation.setOptions({ signer: { preAuthTx: later.hash(), weight: 1 } })]);
      await world.submit(later);
      const types = (await server.loadAccount(key.publicKey())).signers.map((signer) => signer.type);
      assert.deepEqual(types.sort(), ["ed25519_public_key", "sha256_hash"]);
    },

    async "a muxed payment keeps both ids"() {
      const to = new MuxedAccount(new Account(id("bob"), "0"), "9007199254740993");
      const from = new MuxedAccount(new Account(id("alice"), "0"), "7");
      const sent = await world.run("alice", [pay(to.accountId(), xlm, "1", from.accountId())]);
      const [operation] = (await server.payments().forTransaction(sent.hash).call()).records;
      assert.deepEqual([operation.to, operation.to_muxed, operation.to_muxed_id], [id("bob"), to.accountId(), "9007199254740993"]);
      assert.deepEqual([operation.from, operation.from_muxed_id], [id("alice"), "7"]);
    },

    async "a claimable balance is made, found and claimed"() {
      const late = Claimant.predicateNot(Claimant.predicateBeforeAbsoluteTime("4102444800"));
      const claimants = [new Claimant(id("carol")), new Claimant(id("alice"), late)];
      const tx = await world.tx("alice", [Operation.createClaimableBalance({ asset: xlm, amount: "2.5", claimants })]);
      await world.submit(tx);
      const balanceId = tx.getClaimableBalanceId(0);
      const found = await server.claimableBalances().claimableBalance(balanceId).call();
      assert.deepEqual([found.asset, found.amount, found.claimants.length, found.sponsor], ["native", "2.5000000", 2, id("alice")]);
      const { records } = await server.claimableBalances().claimant(id("carol")).call();
      assert.ok(records.some((balance) => balance.id === balanceId));
      const early = await world.codes(await world.tx("alice", [Operation.claimClaimableBalance({ balanceId })]));
      assert.deepEqual(early.operations, ["op_cannot_claim"]);
      const before = Number(await world.balance("carol", xlm));
      await world.run("carol", [Operation.claimClaimableBalance({ balanceId })]);
      assert.equal((Number(await world.balance("carol", xlm)) - before).toFixed(5), "2.49999");
      await assert.rejects(server.claimableBalances().claimableBalance(balanceId).call(), NotFoundError);
    },

    async "an account is merged, and its history stays"() {
      const key = await world.opened("7");
      const sent = await world.run(key, [Operation.accountMerge({ destination: id("bob") })]);
      const effects = (await server.effects().forTransaction(sent.hash).call()).records;
      const credited = effects.find((effect) => effect.type === "account_credited");
      assert.deepEqual([credited.account, credited.amount], [id("bob"), "6.9999900"]);
      assert.ok(effects.some((effect) => effect.type === "account_removed"));
      await assert.rejects(server.loadAccount(key.publicKey()), NotFoundError);
      const { records } = await server.payments().forAccount(key.publicKey()).call();
      assert.deepEqual(records.map((record) => record.type), ["create_account", "account_merge"]);
    },

    async "a fee bump pays for another"() {
      const inner = await world.tx("carol", [pay(id("bob"), xlm, "1")], { fee: "100" });
      const bump = TransactionBuilder.buildFeeBumpTransaction(world.keys.alice, "500", inner, world.passphrase);
      bump.sign(world.keys.alice);
      const sent = await world.submit(bump);
      const found = await server.transactions().transaction(sent.hash).call();
      assert.deepEqual([found.fee_account, found.source_account, found.fee_charged], [id("alice"), id("carol"), "200"]);
      assert.equal(found.inner_transaction.hash, inner.hash().toString("hex"));
      const byInner = await server.transactions().transaction(inner.hash().toString("hex")).call();
      assert.equal(byInner.fee_bump_transaction.hash, sent.hash);
    },

    async "payments are streamed as they come"() {
      const seen = streamed(server.payments().forAccount(id("dave")).cursor("now"));
      // The stream begins where history ends when it is opened: pay until it has told of one.
      let told;
      seen.then((record) => (told = record), () => {});
      while (!told) {
        await world.run("alice", [pay(id("dave"), xlm, "0.5")]);
      }
      assert.deepEqual([told.type, told.to, told.amount], ["payment", id("dave"), "0.5000000"]);
      await seen;
    },

    async "a stream goes on after its cursor, without gap or repetition"() {
      const key = await world.opened();
      for (const amount of ["1", "2", "3"]) await world.run("alice", [pay(key.publicKey(), xlm, amount)]);
      const all = (await server.payments().forAccount(key.publicKey()).call()).records;
      const amounts = [];
      await streamed(server.payments().forAccount(key.publicKey()).cursor(all[0].paging_token), (record) => {
        amounts.push(record.amount);
        return amounts.length === 3;
      });
      assert.deepEqual(amounts, ["1.0000000", "2.0000000", "3.0000000"]);
    },

    async "pages lead to the next and back"() {
      const first = await server.operations().forAccount(id("alice")).limit(5).call();
      const second = await first.next();
      assert.deepEqual([first.records.length, second.records.length], [5, 5]);
      assert.ok(BigInt(second.records[0].paging_token) > BigInt(first.records[4].paging_token));
      const back = await second.prev();
      assert.deepEqual(back.records.map((record) => record.id), first.records.map((record) => record.id).reverse());
    },

    async "a failed transaction is in history for who asks"() {
      const tx = await world.tx("alice", [pay(id("carol"), usd, "1")]);
      await world.codes(tx);
      const hash = tx.hash().toString("hex");
      const found = await server.transactions().transaction(hash).call();
      assert.deepEqual([found.successful, found.fee_charged], [false, "100"]);
      const latest = (builder) => builder.forAccount(id("alice")).order("desc").limit(1).call();
      assert.notEqual((await latest(server.transactions())).records[0].hash, hash);
      assert.equal((await latest(server.transactions().includeFailed(true))).records[0].hash, hash);
    },

    async "records come with their transactions when joined"() {
      await world.run("alice", [pay(id("bob"), xlm, "1")], { memo: Memo.text("joined") });
      const { records } = await server.payments().forAccount(id("bob")).join("transactions").order("desc").limit(1).call();
      assert.equal((await records[0].transaction()).memo, "joined");
    },

    async "data entries are kept"() {
      await world.run("bob", [Operation.manageData({ name: "greeting", value: "hello" })]);
      const account = await server.loadAccount(id("bob"));
      const { value } = await account.data({ key: "greeting" });
      assert.equal(Buffer.from(value, "base64").toString(), "hello");
    },

    async "an issuer takes back what it reserved to take back"() {
      await world.run("guard", [Operation.clawback({ asset: kyc, amount: "40", from: id("dave") })]);
      assert.equal(await world.balance("dave", kyc), "60.0000000");
      const flags = { authorized: false, authorizedToMaintainLiabilities: true };
      await world.run("guard", [Operation.setTrustLineFlags({ trustor: id("dave"), asset: kyc, flags })]);
      const line = (await server.loadAccount(id("dave"))).balances[0];
      assert.deepEqual([line.is_authorized, line.is_authorized_to_maintain_liabilities, line.is_clawback_enabled], [false, true, true]);
    },

    async "a sequence number is bumped"() {
      const key = await world.opened();
      const bumpTo = (BigInt((await server.loadAccount(key.publicKey())).sequence) + 1000n).toString();
      await world.run(key, [Operation.bumpSequence({ bumpTo })]);
      assert.equal((await server.loadAccount(key.publicKey())).sequence, bumpTo);
    },

    async "a memo that the receiver demands is missed before anything is sent"() {
      const key = await world.opened();
      await world.run(key, [Operation.manageData({ name: "config.memo_required", value: "1" })]);
      const tx = await world.tx("alice", [pay(key.publicKey(), xlm, "1")]);
      await assert.rejects(server.submitTransaction(tx), AccountRequiresMemoError);
    },

    async "ledgers, fees and the root say the same of the network"() {
      const root = await server.root();
      assert.equal(root.network_passphrase, world.passphrase);
      const { records } = await server.ledgers().order("desc").limit(2).call();
      assert.equal(records[0].prev_hash, records[1].hash);
      const stats = await server.feeStats();
      assert.equal(stats.last_ledger_base_fee, "100");
      assert.equal(await server.fetchBaseFee(), 100);
    },
  };
}
