// The sale's API. Every outcome is a value, a network that fails included.
import { isLater } from './rules.js';

/** How long a request may take; the server answers within 3 s. Each further try has longer, for a slow network. */
const timeoutMs = (tries) => Math.min(5000 * 2 ** tries, 20_000);

/** A difference between the device's two clocks that shows that it has slept. */
const sleepMs = 1000;

/**
 * The server's clock. Whatever it says was true before we read it, by the way and by the time in a cache: the latest
 * that any answer implies is the best estimate. It is never early, and late by up to a second at first.
 */
export class ServerClock {
    #offset = -Infinity;
    /** The offset was made up after a sleep: whatever the server says next is better. */
    #isGuess = false;
    /** There has been a sleep that nobody has asked about. */
    #isNews = false;
    /** Of the device's own clock, which may be wrong but goes on while it sleeps, to performance.now(), which stops. */
    #drift = Date.now() - performance.now();

    hears(serverTime) {
        // First, or a sleep before this answer would be made up for once more after it.
        this.#makeUp();
        const offset = Date.parse(serverTime) - performance.now();
        if (this.#isGuess || isLater(offset - this.#offset)) this.#offset = offset;
        this.#isGuess = false;
    }

    /** Makes up for a sleep. Returns whether there has been one since the last call. */
    hasSlept() {
        this.#makeUp();
        const isNews = this.#isNews;
        this.#isNews = false;
        return isNews;
    }

    #makeUp() {
        const drift = Date.now() - performance.now();
        const slept = drift - this.#drift;
        this.#drift = drift;
        if (slept < sleepMs) return;
        this.#offset += slept;
        this.#isGuess = true;
        this.#isNews = true;
    }

    /** Milliseconds since 1970; the device's own idea before the server has been heard. */
    get now() {
        return this.#offset === -Infinity ? Date.now() : performance.now() + this.#offset;
    }
}

/**
 * Sends a request. The answer's `status` is 0 if none came, or none of ours; `problem` is the name of its problem type,
 * if it is one; `trace` is what the shop's support can find it by.
 */
export async function ask(clock, path, { method = 'GET', token, ticket, key, quantity, tries = 0 } = {}) {
    const headers = {};
    if (token) headers['Authorization'] = `Bearer ${token}`;
    if (ticket) headers['Sale-Ticket'] = ticket;
    if (key) headers['Idempotency-Key'] = key;
    if (quantity) headers['Content-Type'] = 'application/json';
    // AbortSignal.timeout() is newer than some of the browsers that the page is for.
    const end = new AbortController();
    const timer = setTimeout(() => end.abort(), timeoutMs(tries));
    try {
        const answer = await fetch(path, {
            method, headers, cache: 'no-store', signal: end.signal,
            body: quantity && JSON.stringify({ quantity }),
        });
        const retryAfterSeconds = Number(answer.headers.get('Retry-After')) || 0;
        const trace = answer.headers.get('X-Request-Id') ?? '';
        const isOurs = answer.headers.get('Content-Type')?.includes('json');
        if (!isOurs) return { status: answer.ok ? 0 : answer.status, body: {}, retryAfterSeconds, trace };
        const body = await answer.json();
        if (body.server_time) clock.hears(body.server_time);
        return { status: answer.status, body, problem: body.type?.replace('/problems/', ''), retryAfterSeconds, trace };
    } catch {
        return { status: 0, body: {}, retryAfterSeconds: 0, trace: '' };
    } finally {
        clearTimeout(timer);
    }
}

/** A new idempotency key: 128 random bits. */
export function newKey() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
