// Shows a view: its section of index.html, and what is known in the fields there.
import { aheadOf, countdown, mayStillBuy, turnOfPlace } from './rules.js';

const all = (selector) => document.querySelectorAll(selector);
const sections = [...all('[data-view]')];
const quantity = document.querySelector('select[name="quantity"]');
/** Where people log in; the installation says so on <html>. */
const login = document.documentElement.dataset.login;

function fill(name, text) {
    for (const element of all(`[data-field="${name}"]`)) if (element.textContent !== text) element.textContent = text;
}

const date = (ms) => new Date(ms).toLocaleString([], { dateStyle: 'medium', timeStyle: 'medium' });
const time = (ms) => new Date(ms).toLocaleTimeString();

function fillTime(name, ms) {
    const isToday = new Date(ms).toDateString() === new Date().toDateString();
    fill(name, isToday ? time(ms) : date(ms));
    for (const element of all(`time[data-field="${name}"]`)) element.dateTime = new Date(ms).toISOString();
}

function fillList(name, lines) {
    for (const list of all(`[data-field="${name}"]`)) {
        if (list.textContent === lines.join('')) continue;
        list.replaceChildren(...lines.map((line) => Object.assign(document.createElement('li'), { textContent: line })));
    }
}

function link(name, href) {
    for (const element of all(`a[data-field="${name}"]`)) element.href = href;
}

/** Shows only those `data-with` elements whose condition holds. */
function showWith(holds) {
    for (const element of all('[data-with]')) element.hidden = !holds[element.dataset.with];
}

/** Offers 1 to `most` units. */
function offer(most) {
    while (quantity.options.length > most) quantity.options[most].remove();
    while (quantity.options.length < most) quantity.add(new Option(quantity.options.length + 1));
}

const orderLine = ({ order, position, quantity, secured_at }) =>
    `Order ${order}: number ${position.toLocaleString()}${quantity > 1 ? `, ${quantity} units` : ''}, ` +
    date(Date.parse(secured_at));

/** Shows the view, and says whether it is another than before. `page` is what sale.js knows. */
export function show({ name, at }, page, now) {
    const { path, sale, queue, place, orders, receipts, reason, refusal } = page;
    const before = sections.find((section) => !section.hidden);
    const section = sections.find((section) => section.dataset.view === name);
    for (const other of sections) other.hidden = other !== section;

    const most = sale ? mayStillBuy(sale, orders) : 0;
    const turn = sale?.queue && place ? turnOfPlace(place, queue) : null;
    showWith({
        'sale': sale, 'queue': sale?.queue, 'opens': sale?.opens_at, 'login': login,
        'quantity': most > 1, 'another': most > 0 && page.isLoggedIn,
        'turn': turn?.begins, 'no-turn': turn && turn.begins === null,
        'receipts': receipts?.length, 'no-receipts': !receipts?.length,
        [reason]: true,
    });
    offer(most);
    if (sale) {
        fill('title', sale.title);
        fill('stock', sale.stock.toLocaleString());
        fill('remaining', sale.remaining.toLocaleString());
        if (sale.opens_at) fillTime('opens', Date.parse(sale.opens_at));
    }
    if (turn) {
        if (turn.begins !== null) fillTime('turn', turn.begins);
        if (turn.ends) fillTime('expires', turn.ends);
        fill('position', place.position.toLocaleString());
        fill('ahead', aheadOf(place, queue, now).toLocaleString());
    }
    if (at) fill('countdown', countdown(at - now));
    fill('trace', refusal?.trace ?? '');
    fill('receipts', receipts?.join('\n') ?? '');
    fillList('orders', orders.map(orderLine));
    fillList('owned', refusal?.body?.orders?.map((order) => `Order ${order}`) ?? []);
    link('ledger', `${path}/ledger`);
    link('queue', `${path}/queue`);
    link('login', login);

    if (before === section) return false;
    const headline = section.querySelector('h2').textContent;
    fill('news', headline);
    document.title = sale ? `${headline} – ${sale.title}` : headline;
    return true;
}

/** Shows the list of all sales. */
export function showSales(sales) {
    for (const section of sections) section.hidden = section.dataset.view !== 'sales';
    showWith({ none: sales.length === 0 });
    document.querySelector('[data-field="sales"]').replaceChildren(...sales.map(({ sale, title }) => {
        const item = document.createElement('li');
        item.append(Object.assign(document.createElement('a'), { href: `?sale=${sale}`, textContent: title }));
        return item;
    }));
}
