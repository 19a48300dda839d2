# Reads the output of perf script, samples with their call chains, and assigns each sample to a part of a decision:
# kernel samples to the system call, all others to the innermost function of ours, or of a library with one purpose, in
# the chain. Prints "part samples". Swift's names are mangled: 8HTTPEdge13RequestParser is HTTPEdge.RequestParser.

function part_of(name) {
    if (name ~ /libcrypto|13TokenVerifier|6KeySet|9Base64URL|10HMACSHA256|10JSONReader/) return "auth"
    if (name ~ /13RequestParser|11RequestHead|8HTTPEdge7RequestV|4Host|7Grammar/) return "parser"
    if (name ~ /5RouteO|15PurchaseRequest/) return "parser"
    if (name ~ /11RateLimiter/) return "limits"
    if (name ~ /libhiredis|11RedisClient/) return "Redis exchange"
    if (name ~ /9EdgeCache|11SoldOutSale|11WinnerTable/) return "memory"
    if (name ~ /15PurchaseAnswers|14PurchaseAnswer|14ResponseWriter|7respond|7TraceID|7ProblemV/) return "answer"
    if (name ~ /7SaleAPI/) return "batcher"
    if (name ~ /14ResponseReader/) return "reading answers"
    if (name ~ /15PreparedRequest|8StampedeAAC5press/) return "pressing"
    if (name ~ /8Stampede/) return "accounts"
    if (name ~ /8HTTPEdge|9EventLoop/) return "loop and connections"
    if (name ~ /redis-server|redis-check/) return "script, commands, replies"
    return ""
}

function kernel_part_of(name) {
    if (name ~ /sys_recv|sys_read/) return "kernel: recv"
    if (name ~ /sys_send/) return "kernel: send"
    if (name ~ /sys_epoll/) return "kernel: epoll"
    if (name ~ /sys_write/) return "kernel: write to Redis"
    if (name ~ /sys_fsync|sys_fdatasync/) return "kernel: fsync"
    return ""
}

function finish() {
    if (depth == 0) return
    part = ""
    # The client before its first press and after its last answer.
    for (i = 1; i <= depth; i++) if (chain[i] ~ /10makeBuyers|8Stampede6ReportV/) part = "apart"
    in_kernel = chain[1] ~ /\[kernel|\[k\]|\(\[guest/
    for (i = 1; i <= depth && part == ""; i++) part = in_kernel ? kernel_part_of(chain[i]) : part_of(chain[i])
    if (part == "") part = in_kernel ? "kernel: else" : "runtime"
    samples[part]++
    depth = 0
}

/^[^ \t]/ { finish(); next }
NF > 0 { chain[++depth] = $0; next }
{ finish() }
END {
    finish()
    for (part in samples) print part "\t" samples[part]
}
