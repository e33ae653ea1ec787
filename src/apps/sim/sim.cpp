#include "apps/sim/sim.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/clock.h"
#include "base/random.h"

namespace mw::sim {
namespace {

constexpr std::uint64_t rows_max = 10'000'000;
constexpr double ramp_rows = 40;  // the valve moves this long each way

// Noise that remembers: x' = rho x + e, with deviation `sigma`.
class Wander {
 public:
    Wander(double rho, double sigma) : rho_(rho), step_(sigma * std::sqrt(1 - rho * rho)) {}
    double next(Random& random) { return value_ = rho_ * value_ + step_ * random.normal(); }

 private:
    double rho_, step_, value_ = 0;
};

// How far the inlet valve is closed, 0 to .85.
double closed_at(std::uint64_t at, const PumpOptions& o) {
    if (o.fault_every > 0 && at >= o.fault_from)
        at = o.fault_from + (at - o.fault_from) % o.fault_every;
    const auto row = static_cast<double>(at);
    const double in = (row - static_cast<double>(o.fault_from)) / ramp_rows;
    const double out = (static_cast<double>(o.fault_to) - row) / ramp_rows;
    return .85 * std::clamp(std::min(in, out), 0.0, 1.0);
}

class Pump {
 public:
    explicit Pump(const PumpOptions& o)
        : random_(o.seed), season_(o.season), mains_(230 + o.mains), speed_(1 + o.shift) {}

    // One second of operation as a CSV row. Flow follows the valve (orifice law), current the load,
    // vibration rises as the inlet starves (cavitation), temperature follows slowly.
    void write_row(Timestamp time, double closed, bool anomaly, std::string& out) {
        const double load = speed_ * (1 + load_.next(random_));
        const double opening = 1 - closed;
        const double flow = 32 * load * std::sqrt(opening) + .3 * random_.normal();
        const double pressure = .25 + .12 * (load - 1) - .2 * closed + .12 * random_.normal();
        const double current = 1.6 + .5 * (load - 1) - .35 * closed + .05 * random_.normal();
        const double starving = closed * closed;
        const double first =
            .027 * (1 + .05 * (load - 1) + 1.6 * starving) + .0006 * random_.normal();
        const double second =
            .040 * (1 + .05 * (load - 1) + 1.2 * starving) + .0008 * random_.normal();
        heat_ += (78 + 6 * (load - 1) + 5 * closed - heat_) / 300;
        const double body = heat_ + season_ + .15 * random_.normal();
        const double water = 25 + season_ + (heat_ - 78) * .2 + .02 * random_.normal();
        const double voltage = mains_ + voltage_.next(random_);
        std::string when = to_iso8601(time);
        when.pop_back();  // Z: recordings carry no zone
        char text[256];
        const int n = std::snprintf(
            text, sizeof text, "%s;%.7f;%.7f;%.5f;%.6f;%.4f;%.4f;%.3f;%.4f;%d.0\n", when.c_str(),
            first, second, current, pressure, body, water, voltage, std::max(0.0, flow), anomaly);
        out.append(text, static_cast<std::size_t>(n));
    }

 private:
    SeededRandom random_;
    double season_, mains_, speed_;
    Wander load_{.98, .02};
    Wander voltage_{.9, 4};
    double heat_ = 78;
};

}  // namespace

Result<std::string> pump_csv(const PumpOptions& o) {
    if (o.rows < 1 || o.rows > rows_max)
        return Error{Errc::invalid_input, "rows: want 1 to 10000000"};
    if (o.fault_to < o.fault_from)
        return Error{Errc::invalid_input, "the fault ends before it begins"};
    if (o.interval_ms < 1 || o.interval_ms > 3'600'000)
        return Error{Errc::invalid_input, "interval: want 1 to 3600000 ms"};
    if (o.fault_every > 0 && o.fault_every < o.fault_to - o.fault_from)
        return Error{Errc::invalid_input, "the fault begins again before it ends"};
    if (!(o.shift > -1)) return Error{Errc::invalid_input, "shift: want more than -1"};
    Pump pump(o);
    std::string csv =
        "datetime;Accelerometer1RMS;Accelerometer2RMS;Current;Pressure;Temperature;Thermocouple;"
        "Voltage;Volume Flow RateRMS;anomaly\n";
    const Timestamp start = *parse_iso8601("2026-01-05T08:00:00Z");
    for (std::uint64_t row = 0; row < o.rows; ++row) {
        const double closed = closed_at(row, o);
        const auto after = static_cast<std::int64_t>(row * o.interval_ms) * milliseconds{1};
        pump.write_row(start + after, closed, closed > .1, csv);
    }
    return csv;
}

}  // namespace mw::sim
