import "date"

option task = {name: "sample_quarter_hour", every: 1h, offset: 5m}

samples = from(bucket: "meterkast_months")
    |> range(start: date.truncate(t: -6h, unit: 1h), stop: date.truncate(t: now(), unit: 1h))
    |> filter(fn: (r) => r._measurement == "sample" and r._field == "value")

keep = (name, fn) => samples
    |> aggregateWindow(every: 15m, fn: fn, createEmpty: false, timeSrc: "_start")
    |> set(key: "_measurement", value: "sample_quarter")
    |> set(key: "_field", value: name)
    |> to(bucket: "meterkast")
    |> yield(name: name)

keep(name: "mean", fn: mean)
keep(name: "min", fn: min)
keep(name: "max", fn: max)
