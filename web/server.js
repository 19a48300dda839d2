// The sale's API. Every outcome is a value, a network that fails included.

/** How long one request may take: the server answers within 3 s. */
const timeoutMs = 5000;

/**
 * The server's clock. Whatever it says was true before we read it, by the way and up to a second in a cache: the latest
 * that any answer implies is the best estimate. It is never early, and on average half a second late at first.
 */
export class ServerClock {
    #offsetMs = -Infinity;

    hears(serverTime) {
        const offset = Date.parse(serverTime) - performance.now();
        if (offset > this.#offsetMs) this.#offsetMs = offset;
    }

    /** Milliseconds since 1970; the device's own idea before the server has been heard. */
    get now() {
        return this.#offsetMs === -Infinity ? Date.now() : performance.now() + this.#offsetMs;
    }
}

/**
 * Sends a request. The answer's `status` is 0 if none came; `problem` is the name of its problem type, if it is one;
 * `trace` is what the shop's support can find it by.
 */
export async function ask(clock, path, { method = 'GET', token, ticket, key, quantity } = {}) {
    const headers = {};
    if (token) headers['Authorization'] = `Bearer ${token}`;
    if (ticket) headers['Sale-Ticket'] = ticket;
    if (key) headers['Idempotency-Key'] = key;
    if (quantity) headers['Content-Type'] = 'application/json';
    try {
        const answer = await fetch(path, {
            method, headers, cache: 'no-store', signal: AbortSignal.timeout(timeoutMs),
            body: quantity && JSON.stringify({ quantity }),
        });
        const body = answer.headers.get('Content-Type')?.includes('json') ? await answer.json() : {};
        if (body.server_time) clock.hears(body.server_time);
        return {
            status: answer.status, body, problem: body.type?.replace('/problems/', ''),
            retryAfterSeconds: Number(answer.headers.get('Retry-After')) || 0,
            trace: answer.headers.get('X-Request-Id') ?? '',
        };
    } catch {
        return { status: 0, body: {}, retryAfterSeconds: 0, trace: '' };
    }
}
