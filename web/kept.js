// What outlives a reload: the buyer's login, and for each sale the attempt that is under way, the place in the queue
// and the orders won.

const tokenName = 'sale/token';
/** The buyer whose link this browser took last. */
const buyerName = 'sale/buyer';

/** What the browser would not keep: it refuses, or is full. */
const memory = new Map();

// Naming a storage already throws if the browser refuses it; so it is named by a function.

function read(storage, name) {
    try {
        return memory.get(name) ?? storage().getItem(name);
    } catch {
        return null;
    }
}

function write(storage, name, text) {
    try {
        storage().setItem(name, text);
        memory.delete(name);
    } catch {
        memory.set(name, text);
    }
}

/**
 * The buyer's `login`: the token, the buyer whom it names, and when it ends; null without one.
 *
 * The shop's link brings the token in the fragment, `#token=…`, which browsers send to no server; it is removed from
 * the address at once, and forgotten with the tab. If this browser knows another buyer, the link may be somebody's who
 * wants others to buy for them: then it is a `doubt`, the login `offered` and the buyer `known`, for the person to
 * decide. A link that names nobody, or brings what has ended of a login that has not, changes nothing: the browser's
 * history may keep links.
 */
export function takeLogin() {
    const login = loginOf(read(() => sessionStorage, tokenName) ?? '');
    const token = new URLSearchParams(location.hash.slice(1)).get('token');
    if (token === null) return { login, doubt: null };
    history.replaceState(null, '', location.pathname + location.search);
    const offered = loginOf(token);
    const known = [login?.buyer, read(() => localStorage, buyerName)].filter(Boolean);
    if (!offered) return { login, doubt: null };
    const isPast = offered.endsAt < Math.min(login?.endsAt ?? 0, Date.now());
    if (login?.buyer === offered.buyer && isPast) return { login, doubt: null };
    if (known.length > 0 && !known.includes(offered.buyer)) return { login, doubt: { offered, known: known[0] } };
    keepLogin(offered);
    return { login: offered, doubt: null };
}

export function keepLogin({ token, buyer }) {
    write(() => sessionStorage, tokenName, token);
    write(() => localStorage, buyerName, buyer);
}

/** What a token says. It is not verified: the server does that. */
function loginOf(token) {
    try {
        const bytes = atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/'));
        const { sub, exp } = JSON.parse(bytes);
        return sub && exp ? { token, buyer: String(sub), endsAt: exp * 1000 } : null;
    } catch {
        return null;
    }
}

/** What is kept of one buyer in one sale, for all tabs. */
export class Kept {
    #name;

    constructor(sale, buyer = '') {
        this.#name = `sale/${sale}/${buyer}`;
    }

    get #all() {
        try {
            return JSON.parse(read(() => localStorage, this.#name)) ?? {};
        } catch {
            return {};
        }
    }

    #change(change) {
        write(() => localStorage, this.#name, JSON.stringify({ ...this.#all, ...change }));
    }

    /** The purchase under way: its key, its quantity, and when it was last pressed; null if none is. */
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
