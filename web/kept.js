// What outlives a reload: the buyer's token, and for each sale the attempt that is under way, the place in the queue
// and the orders won.

const tokenName = 'sale/token';

/** What the browser would not keep: it refuses, or is full. */
const memory = new Map();

function read(store, name) {
    try {
        return memory.get(name) ?? store.getItem(name);
    } catch {
        return null;
    }
}

function write(store, name, text) {
    try {
        store.setItem(name, text);
    } catch {
        memory.set(name, text);
    }
}

/**
 * The buyer's token. The shop's link brings it in the fragment, `#token=…`, which browsers send to no server; it is
 * removed from the address at once, and forgotten with the tab.
 */
export function takeToken() {
    const given = new URLSearchParams(location.hash.slice(1)).get('token');
    if (given) {
        write(sessionStorage, tokenName, given);
        history.replaceState(null, '', location.pathname + location.search);
    }
    return given ?? read(sessionStorage, tokenName);
}

/** The buyer whom a token names. It is not verified: what is kept on this device is only sorted by it. */
function buyerOf(token) {
    try {
        return JSON.parse(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/'))).sub;
    } catch {
        return '';
    }
}

/** What is kept of one buyer in one sale, for all tabs. */
export class Kept {
    #name;

    constructor(sale, token) {
        this.#name = `sale/${sale}/${token ? buyerOf(token) : ''}`;
    }

    get #all() {
        return JSON.parse(read(localStorage, this.#name) ?? '{}');
    }

    #change(change) {
        write(localStorage, this.#name, JSON.stringify({ ...this.#all, ...change }));
    }

    /** The purchase under way, its key and quantity; null if none is. */
    get attempt() { return this.#all.attempt ?? null; }
    set attempt(attempt) { this.#change({ attempt }); }

    /** The place in the queue, as the API gave it, ticket included; null without one. */
    get place() { return this.#all.place ?? null; }
    set place(place) { this.#change({ place }); }

    get orders() { return this.#all.orders ?? []; }

    /** Adds an order, once. */
    add(order) {
        this.#change({ orders: [...this.orders.filter((known) => known.order !== order.order), order] });
    }
}

/** A new idempotency key: 128 random bits. */
export function newKey() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
