import { assert, describe, it } from "@effect/vitest"
import { AddressBook } from "../../src/Mesh/AddressBook.ts"
import { PeerAddress } from "../../src/Protocol/PeerAddress.ts"

const at = (port: number) => new PeerAddress({ host: "10.0.0.1", port })
const backoff = { baseMillis: 500, maxMillis: 30_000 }
const ports = (book: AddressBook) => book.candidates(() => false).map((known) => known.address.port)

describe("AddressBook", () => {
  it("forgets the address learned longest ago when it is full, but never one the user named", () => {
    const book = new AddressBook(3, backoff)
    book.keep(at(1))
    for (const port of [2, 3, 4]) book.learn(at(port), undefined)

    assert.deepStrictEqual(ports(book), [1, 3, 4])
  })

  it("keeps to its bounds again once those are not dialed any more that could not be forgotten", () => {
    const limits = { maxPerSource: 2, maxPerHost: 100 }
    const books = [new AddressBook(2, backoff), new AddressBook(100, backoff, limits)]
    for (const book of books) {
      for (const port of [1, 2, 3, 4]) {
        book.learn(at(port), undefined, "teller")
        book.get(at(port))!.isDialing = true
      }
      for (const port of [1, 2, 3, 4]) book.get(at(port))!.isDialing = false
      book.learn(at(5), undefined, "teller")

      assert.deepStrictEqual(ports(book), [4, 5])
    }
  })

  it("doubles the wait after each failure up to the longest, spread by a fifth", () => {
    const book = new AddressBook(3, backoff)
    book.learn(at(1), undefined)
    const waits = []
    for (let failure = 0; failure < 8; failure++) {
      book.failed(at(1), 1000, 0.5)
      waits.push(book.get(at(1))!.nextDialMillis - 1000)
    }

    assert.deepStrictEqual(waits, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
    book.failed(at(1), 0, 0)
    assert.strictEqual(book.get(at(1))!.nextDialMillis, 24_000)
    book.failed(at(1), 0, 1)
    assert.strictEqual(book.get(at(1))!.nextDialMillis, 36_000)
  })

  it("starts afresh once somebody was met there", () => {
    const book = new AddressBook(3, backoff)
    book.learn(at(1), "hearsay")
    book.failed(at(1), 0, 0.5)

    book.met(at(1), "real")

    assert.strictEqual(book.get(at(1))!.nextDialMillis, 0)
    assert.strictEqual(book.findById("real")?.address.port, 1)
  })

  it("goes on with longer waits after somebody was met there, until the link has lasted", () => {
    const book = new AddressBook(3, backoff)
    const wait = () => {
      book.met(at(1), "fickle")
      book.failed(at(1), 0, 0.5)
      return book.get(at(1))!.nextDialMillis
    }

    const waits = [wait(), wait(), wait()]
    book.lasted(at(1))

    assert.deepStrictEqual([...waits, wait()], [500, 1000, 2000, 500])
  })

  it("does not let hearsay change who was met at an address", () => {
    const book = new AddressBook(3, backoff)
    book.met(at(1), "real")

    book.learn(at(1), "other")

    assert.isUndefined(book.findById("other"))
  })

  it("bounds what was only announced on a host that was met, and not what was dialed there", () => {
    const book = new AddressBook(100, backoff, { maxPerSource: 5, maxPerHost: 2 })
    for (const port of [1, 2, 3]) book.met(at(port), "announced", "10.0.0.1")
    assert.deepStrictEqual(ports(book), [1, 2])

    book.met(at(4), "dialed")

    assert.deepStrictEqual(ports(book), [1, 2, 4])
  })

  it("gives no candidate that is linked or being dialed", () => {
    const book = new AddressBook(5, backoff)
    for (const port of [1, 2, 3]) book.learn(at(port), undefined)
    book.get(at(1))!.isDialing = true

    assert.deepStrictEqual(book.candidates((known) => known.address.port === 2).map((k) => k.address.port), [3])
  })

  it("lets an address rest where the peer does not want the link, and keeps to one that the user named", () => {
    const book = new AddressBook(3, backoff)
    book.keep(at(1))

    book.rest(at(1), 1000)

    assert.strictEqual(book.get(at(1))!.nextDialMillis, 31_000)
    assert.isTrue(book.get(at(1))!.isBootstrap)
  })

  it("does not keep to an address any more that the user does not want, even one that was named", () => {
    const book = new AddressBook(3, backoff)
    book.keep(at(1))

    book.release(at(1), 1000)

    assert.strictEqual(book.get(at(1))!.nextDialMillis, 31_000)
    assert.isFalse(book.get(at(1))!.isBootstrap)
  })

  it("has all addresses wait of a host where nobody was met when one fails, also those told anew", () => {
    const book = new AddressBook(100, backoff, { maxPerSource: 2, maxPerHost: 2 })
    const wait = (port: number) => book.get(at(port))!.nextDialMillis
    book.learn(at(1), undefined, "a liar")
    book.learn(at(2), undefined, "a liar")
    book.learn(new PeerAddress({ host: "10.0.0.2", port: 1 }), undefined, "another")

    for (const port of [1, 2, 1]) book.failed(at(port), 0, 0.5)
    assert.deepStrictEqual([wait(1), wait(2)], [2000, 2000])
    // The oldest of the liar's go.
    book.learn(new PeerAddress({ host: "10.0.0.3", port: 1 }), undefined, "a liar")
    book.learn(at(3), undefined, "a liar")

    assert.strictEqual(wait(3), 2000)
    assert.strictEqual(book.get(new PeerAddress({ host: "10.0.0.2", port: 1 }))!.nextDialMillis, 0)
  })

  it("does not have what the user named, or where somebody was met, wait for what others say is on that host", () => {
    const book = new AddressBook(100, backoff)
    book.keep(at(1))
    book.met(at(2), "met")
    book.learn(at(3), undefined, "a liar")

    book.failed(at(3), 0, 0.5)

    assert.deepStrictEqual([1, 2, 3].map((port) => book.get(at(port))!.nextDialMillis), [0, 0, 500])
  })

  it("gives one address at a time of a host where nobody was met, the one that waited longest", () => {
    const book = new AddressBook(100, backoff)
    const turns = () => book.byTurns(book.candidates(() => false)).map(({ address }) => address.port)
    for (const port of [1, 2, 3]) book.learn(at(port), undefined, "a source")
    book.failed(at(1), 0, 0.5)
    assert.deepStrictEqual(turns(), [2])

    book.get(at(2))!.isDialing = true
    assert.deepStrictEqual(turns(), [])

    book.met(at(3), "met")
    book.keep(at(4))
    assert.deepStrictEqual(turns(), [3, 4])
  })

  it("gives what has failed its turn again, whatever others name of that host meanwhile", () => {
    const book = new AddressBook(100, backoff, { maxPerSource: 2, maxPerHost: 8 })
    const turn = () => book.byTurns(book.candidates(() => false)).find(({ host }) => host === "10.0.0.1")!.address
    book.learn(at(1), undefined, "an honest one")
    const tried = [2, 4, 6, 8].map((port) => {
      book.learn(at(port), undefined, "a liar")
      book.learn(at(port + 1), undefined, "a liar")
      const address = turn()
      book.failed(address, 0, 0.5)
      return address.port
    })

    assert.isAtLeast(tried.filter((port) => port === 1).length, 2)
  })

  it("counts the spellings of an IPv6 host as one", () => {
    const book = new AddressBook(10, backoff, { maxPerSource: 10, maxPerHost: 2 })
    const learn = (host: string) => book.learn(new PeerAddress({ host, port: 1 }), undefined, "a source")

    const learned = ["2001:db8::1", "2001:DB8:0::1", "2001:db8:0:0::1"].map(learn)
    book.forget(new PeerAddress({ host: "2001:db8::1", port: 1 }))

    assert.deepStrictEqual([...learned, learn("2001:db8::0:1")], [true, true, false, true])
    assert.deepStrictEqual(["::ffff:808:808", "8.8.8.8", "::ffff:8.8.8.8"].map(learn), [true, true, false])
  })
})
