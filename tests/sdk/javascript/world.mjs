// Accounts on a sandbox, in the situations that the cases need.

import assert from "node:assert/strict";
import { Account, Asset, Horizon, Keypair, Memo, Operation, TransactionBuilder } from "@stellar/stellar-sdk";

export const REQUIRED = 1;
export const REVOCABLE = 2;
export const IMMUTABLE = 4;
export const CLAWBACK = 8;
const FEE = "1000";

export class World {
  constructor(url, passphrase) {
    this.url = url;
    this.passphrase = passphrase;
    this.server = new Horizon.Server(url, { allowHttp: true });
    const names = ["issuer", "guard", "alice", "bob", "carol", "dave", "maker", "poor", "fixed", "patron", "shared", "nobody"];
    this.keys = Object.fromEntries(names.map((name) => [name, Keypair.random()]));
    this.usd = new Asset("USD", this.id("issuer"));
    this.eur = new Asset("EUR", this.id("issuer"));
    this.kyc = new Asset("CERTIFIED", this.id("guard"));
  }

  static async begin(url) {
    const { network_passphrase } = await (await fetch(url)).json();
    const world = new World(url, network_passphrase);
    await world.#furnish();
    return world;
  }

  id(name) {
    return this.keys[name].publicKey();
  }

  /** A signed transaction; signed by its source unless said otherwise. */
  async tx(source, operations, { signers = [source], sequence = 0n, fee = FEE, memo, ...conditions } = {}) {
    const key = typeof source === "string" ? this.keys[source] : source;
    const known = await this.#sequence(key.publicKey());
    const account = new Account(key.publicKey(), (known + sequence).toString());
    const options = { fee, networkPassphrase: this.passphrase, memo: memo ?? Memo.none(), ...conditions };
    const builder = new TransactionBuilder(account, options);
    if (!conditions.timebounds) builder.setTimeout(300);
    for (const operation of operations) builder.addOperation(operation);
    const tx = builder.build();
    for (const signer of signers) tx.sign(typeof signer === "string" ? this.keys[signer] : signer);
    return tx;
  }

  async #sequence(id) {
    try {
      return BigInt((await this.server.loadAccount(id)).sequence);
    } catch (error) {
      if (error?.response?.status === 404) return 0n;
      throw error;
    }
  }

  async submit(tx) {
    return this.server.submitTransaction(tx, { skipMemoRequiredCheck: true });
  }

  async run(source, operations, options) {
    try {
      return await this.submit(await this.tx(source, operations, options));
    } catch (error) {
      const codes = error?.response?.data?.extras?.result_codes;
      if (codes) throw new Error(`refused: ${JSON.stringify(codes)}`, { cause: error });
      throw error;
    }
  }

  /** The codes of a transaction that must be refused. */
  async codes(tx) {
    let answer;
    try {
      answer = await this.submit(tx);
    } catch (error) {
      assert.ok(error.response, `${error}`);
      assert.equal(error.response.status, 400);
      assert.equal(error.response.data.type, "https://stellar.org/horizon-errors/transaction_failed");
      return error.response.data.extras.result_codes;
    }
    assert.fail(`accepted: ${answer.hash}`);
  }

  async balance(name, asset) {
    const { balances } = await this.server.loadAccount(this.id(name));
    const line = balances.find((one) =>
      asset.isNative() ? one.asset_type === "native" : one.asset_code === asset.code && one.asset_issuer === asset.issuer);
    return line?.balance;
  }

  /** A new account with XLM from another. */
  async opened(startingBalance = "100", funder = "alice") {
    const key = Keypair.random();
    await this.run(funder, [Operation.createAccount({ destination: key.publicKey(), startingBalance })]);
    return key;
  }

  async #furnish() {
    const { usd, eur, kyc } = this;
    for (const name of ["issuer", "guard", "alice"]) await this.server.friendbot(this.id(name)).call();
    const create = (name, startingBalance) => Operation.createAccount({ destination: this.id(name), startingBalance });
    const trust = (name, asset, limit) => Operation.changeTrust({ source: this.id(name), asset, limit });
    const rich = ["bob", "carol", "dave", "maker", "fixed", "patron", "shared"];
    await this.run("alice", [...rich.map((name) => create(name, "100")), create("poor", "1.4")]);
    const guarded = REQUIRED | REVOCABLE | CLAWBACK;
    const operations = [
      Operation.setOptions({ source: this.id("guard"), setFlags: guarded }),
      Operation.setOptions({ source: this.id("fixed"), setFlags: IMMUTABLE }),
      Operation.setOptions({
        source: this.id("shared"), lowThreshold: 1, medThreshold: 2, highThreshold: 2,
        signer: { ed25519PublicKey: this.id("bob"), weight: 1 },
      }),
      trust("alice", usd), trust("bob", usd, "10"), trust("maker", usd), trust("alice", kyc), trust("dave", kyc),
      trust("maker", eur),
      Operation.setTrustLineFlags({ source: this.id("guard"), trustor: this.id("dave"), asset: kyc, flags: { authorized: true } }),
      Operation.payment({ source: this.id("issuer"), destination: this.id("alice"), asset: usd, amount: "1000" }),
      Operation.payment({ source: this.id("issuer"), destination: this.id("maker"), asset: usd, amount: "500" }),
      Operation.payment({ source: this.id("guard"), destination: this.id("dave"), asset: kyc, amount: "100" }),
      Operation.manageSellOffer({ source: this.id("maker"), selling: usd, buying: Asset.native(), amount: "200", price: "2" }),
      Operation.beginSponsoringFutureReserves({ source: this.id("patron"), sponsoredId: this.id("carol") }),
      Operation.manageData({ source: this.id("carol"), name: "sponsored", value: "by patron" }),
      Operation.endSponsoringFutureReserves({ source: this.id("carol") }),
    ];
    const signers = ["issuer", "guard", "alice", "bob", "carol", "dave", "maker", "fixed", "patron", "shared"];
    await this.run("issuer", operations, { signers });
  }
}
