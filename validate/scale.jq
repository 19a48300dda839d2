# Says in one line how large a run is beside the target: a million buyers within ten seconds. $buyers press within
# $seconds.
def beside(target; unit):
    . / target
    | (. * 1000 | round / 1000) as $share
    | (1 / . | round) as $parts
    | if $share == 1 then unit
      elif . > 1 then "\($share) times \(unit)"
      # Only where one in so many is right to within 2 %.
      elif $parts > 1 and (. * $parts - 1 | fabs) < 0.02 then "1/\($parts) of \(unit)"
      else "\($share) of \(unit)" end;

"scale: \($buyers) buyers at \($buyers / $seconds | round) a second, "
+ ($buyers | beside(1000000; "the million that press within ten seconds")) + ", "
+ ($buyers / $seconds | beside(100000; "their rate"))
+ "; \($cores) cores, which Redis, API, worker, nginx and the load client share"
