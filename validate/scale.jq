# Says in one line how large a run is beside the target: a million buyers within ten seconds. $buyers press within
# $seconds.
def beside(target; unit):
    . / target
    | if . > 0.5 then "\(. * 100 | round / 100) times \(unit)" else "1/\(1 / . | round) of \(unit)" end;

"scale: \($buyers) buyers at \($buyers / $seconds | round) a second, "
+ ($buyers | beside(1000000; "the million that press within ten seconds")) + ", "
+ ($buyers / $seconds | beside(100000; "their rate"))
+ "; \($cores) cores, which Redis, API, worker, nginx and the load client share"
