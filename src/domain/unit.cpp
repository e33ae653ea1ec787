#include "domain/unit.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

namespace mw {
namespace {

constexpr double pi = 3.14159265358979323846;

struct Atom {
    std::string_view code;
    bool metric;  // takes prefixes
    std::array<std::int8_t, 7> dimension;
    double factor;
    double offset = 0;
};
//                             m   s   g  rad  K   C  cd
constexpr Atom atoms[] = {
    {"m", true, {1}, 1},
    {"s", true, {0, 1}, 1},
    {"g", true, {0, 0, 1}, 1},
    {"rad", true, {0, 0, 0, 1}, 1},
    {"K", true, {0, 0, 0, 0, 1}, 1},
    {"C", true, {0, 0, 0, 0, 0, 1}, 1},
    {"cd", true, {0, 0, 0, 0, 0, 0, 1}, 1},
    // Numbers.
    {"10*", false, {}, 10},
    {"10^", false, {}, 10},
    {"[pi]", false, {}, pi},
    {"%", false, {}, 1e-2},
    {"[ppth]", false, {}, 1e-3},
    {"[ppm]", false, {}, 1e-6},
    {"[ppb]", false, {}, 1e-9},
    {"mol", true, {}, 6.02214076e23},
    // Time, angle.
    {"min", false, {0, 1}, 60},
    {"h", false, {0, 1}, 3600},
    {"d", false, {0, 1}, 86'400},
    {"wk", false, {0, 1}, 604'800},
    {"a", false, {0, 1}, 31'557'600},
    {"deg", false, {0, 0, 0, 1}, pi / 180},
    {"'", false, {0, 0, 0, 1}, pi / 10'800},
    {"''", false, {0, 0, 0, 1}, pi / 648'000},
    {"circ", false, {0, 0, 0, 1}, 2 * pi},
    {"sr", true, {0, 0, 0, 2}, 1},
    // SI with names. A gram is the base of mass: a newton is 1000 g.m/s2.
    {"Hz", true, {0, -1}, 1},
    {"N", true, {1, -2, 1}, 1e3},
    {"Pa", true, {-1, -2, 1}, 1e3},
    {"J", true, {2, -2, 1}, 1e3},
    {"W", true, {2, -3, 1}, 1e3},
    {"A", true, {0, -1, 0, 0, 0, 1}, 1},
    {"V", true, {2, -2, 1, 0, 0, -1}, 1e3},
    {"F", true, {-2, 2, -1, 0, 0, 2}, 1e-3},
    {"Ohm", true, {2, -1, 1, 0, 0, -2}, 1e3},
    {"S", true, {-2, 1, -1, 0, 0, 2}, 1e-3},
    {"Wb", true, {2, -1, 1, 0, 0, -1}, 1e3},
    {"T", true, {0, -1, 1, 0, 0, -1}, 1e3},
    {"H", true, {2, 0, 1, 0, 0, -2}, 1e3},
    {"lm", true, {0, 0, 0, 2, 0, 0, 1}, 1},
    {"lx", true, {-2, 0, 0, 2, 0, 0, 1}, 1},
    {"Bq", true, {0, -1}, 1},
    {"Gy", true, {2, -2}, 1},
    {"Sv", true, {2, -2}, 1},
    {"Cel", true, {0, 0, 0, 0, 1}, 1, 273.15},
    // Beside the SI.
    {"l", true, {3}, 1e-3},
    {"L", true, {3}, 1e-3},
    {"ar", true, {2}, 100},
    {"t", true, {0, 0, 1}, 1e6},
    {"bar", true, {-1, -2, 1}, 1e8},
    {"atm", false, {-1, -2, 1}, 101'325e3},
    {"m[Hg]", true, {-1, -2, 1}, 133'322.387415e3},
    {"m[H2O]", true, {-1, -2, 1}, 9'806.65e3},
    {"eV", true, {2, -2, 1}, 1.602176634e-16},
    {"cal", true, {2, -2, 1}, 4'184},
    {"gf", true, {1, -2, 1}, 9.80665},
    {"G", true, {0, -1, 1, 0, 0, -1}, 1e-1},
    {"[g]", true, {1, -2}, 9.80665},
    // Customary.
    {"[in_i]", false, {1}, 0.0254},
    {"[ft_i]", false, {1}, 0.3048},
    {"[yd_i]", false, {1}, 0.9144},
    {"[mi_i]", false, {1}, 1'609.344},
    {"[kn_i]", false, {1, -1}, 1'852.0 / 3'600},
    {"[lb_av]", false, {0, 0, 1}, 453.59237},
    {"[oz_av]", false, {0, 0, 1}, 28.349523125},
    {"[lbf_av]", false, {1, -2, 1}, 4'448.2216152605},
    {"[psi]", false, {-1, -2, 1}, 6'894.757293168361e3},
    {"[gal_us]", false, {3}, 0.003785411784},
    {"[HP]", false, {2, -3, 1}, 745'699.87158227},
    {"[Btu_IT]", false, {2, -2, 1}, 1'055'055.85262},
    {"[degF]", false, {0, 0, 0, 0, 1}, 5.0 / 9, 459.67},
    {"[degR]", false, {0, 0, 0, 0, 1}, 5.0 / 9},
};

struct Prefix {
    std::string_view code;
    double factor;
};
constexpr Prefix prefixes[] = {
    {"da", 1e1}, {"Y", 1e24}, {"Z", 1e21}, {"E", 1e18},  {"P", 1e15},  {"T", 1e12},
    {"G", 1e9},  {"M", 1e6},  {"k", 1e3},  {"h", 1e2},   {"d", 1e-1},  {"c", 1e-2},
    {"m", 1e-3}, {"u", 1e-6}, {"n", 1e-9}, {"p", 1e-12}, {"f", 1e-15},
};

// Not UCUM, but what is sent. Whole texts only.
struct Alias {
    std::string_view sent, code;
};
constexpr Alias aliases[] = {
    {"°C", "Cel"},
    {"degC", "Cel"},
    {"°F", "[degF]"},
    {"degF", "[degF]"},
    {"°", "deg"},
    {"rpm", "{rev}/min"},
    {"RPM", "{rev}/min"},
    {"Wh", "W.h"},
    {"kWh", "kW.h"},
    {"MWh", "MW.h"},
    {"VA", "V.A"},
    {"kVA", "kV.A"},
    {"Ah", "A.h"},
    {"mAh", "mA.h"},
    {"psi", "[psi]"},
    {"hp", "[HP]"},
    {"ppm", "[ppm]"},
    {"ppb", "[ppb]"},
    {"mmHg", "mm[Hg]"},
    {"Ω", "Ohm"},
    {"kΩ", "kOhm"},
    {"sec", "s"},
    {"Nm", "N.m"},
    {"lpm", "L/min"},
    {"m3h", "m3/h"},
    {"ft", "[ft_i]"},
    {"in", "[in_i]"},
    {"lb", "[lb_av]"},
    {"gpm", "[gal_us]/min"},
};

const Atom* find_atom(std::string_view code) {
    const auto found = std::ranges::find(atoms, code, &Atom::code);
    return found == std::end(atoms) ? nullptr : found;
}

double power(double base, int exponent) {
    double value = 1;
    for (int i = 0; i < std::abs(exponent); ++i) value *= base;
    return exponent < 0 ? 1 / value : value;
}

// "m3/h": terms are read from left to right, '/' divides by the next component only.
class Reader {
 public:
    explicit Reader(std::string_view text) : text_(text) {}

    Result<Unit> all() {
        TRY(Unit unit, term());
        if (at_ != text_.size()) return wrong("what follows is not understood");
        // Half a degree Celsius from freezing is not half as warm: only alone has it a zero.
        if (components_ > 1) unit.offset = 0;
        return unit;
    }

 private:
    static constexpr int components_max = 32;

    Error wrong(const std::string& why) const {
        return {Errc::invalid_input, "unit '" + std::string(text_) + "': " + why + " at '" +
                                         std::string(text_.substr(at_)) + "'"};
    }
    bool eat(char c) {
        if (at_ == text_.size() || text_[at_] != c) return false;
        ++at_;
        return true;
    }

    Result<Unit> term() {
        Unit product;
        bool divides = eat('/');
        for (;;) {
            if (++components_ > components_max) return wrong("too long");
            TRY(const Unit next, component());
            const int sign = divides ? -1 : 1;
            for (std::size_t i = 0; i < product.dimension.size(); ++i) {
                const int sum = product.dimension[i] + sign * next.dimension[i];
                if (std::abs(sum) > 99) return wrong("an exponent is too large");
                product.dimension[i] = static_cast<std::int8_t>(sum);
            }
            product.factor = divides ? product.factor / next.factor : product.factor * next.factor;
            product.offset = next.offset;
            if (eat('.'))
                divides = false;
            else if (eat('/'))
                divides = true;
            else
                return product;
        }
    }

    Result<Unit> component() {
        if (eat('(')) {
            if (++depth_ > components_max) return wrong("too deep");
            TRY(Unit inner, term());
            if (!eat(')')) return wrong("want ')'");
            return inner;
        }
        Unit unit;
        const std::size_t begin = at_;
        if (at_ < text_.size() && text_[at_] != '{') {
            TRY(unit, number_or_atom());
        }
        if (eat('{')) {  // an annotation says nothing
            const auto end = text_.find('}', at_);
            if (end == std::string_view::npos) return wrong("want '}'");
            at_ = end + 1;
        }
        if (at_ == begin) return wrong("want a unit");
        return unit;
    }

    Result<Unit> number_or_atom() {
        std::size_t end = at_;
        while (end < text_.size() && text_[end] >= '0' && text_[end] <= '9') ++end;
        const bool number =
            end > at_ && text_.substr(at_, 3) != "10*" && text_.substr(at_, 3) != "10^";
        if (number) {
            Unit unit;
            std::from_chars(text_.data() + at_, text_.data() + end, unit.factor);
            if (!(unit.factor > 0)) return wrong("want a number above 0");
            at_ = end;
            return unit;
        }
        TRY(const Unit unit, prefixed_atom());
        TRY(const int exponent, read_exponent());
        if (exponent == 1) return unit;
        Unit raised;
        for (std::size_t i = 0; i < unit.dimension.size(); ++i) {
            const int product = unit.dimension[i] * exponent;
            if (std::abs(product) > 99) return wrong("an exponent is too large");
            raised.dimension[i] = static_cast<std::int8_t>(product);
        }
        raised.factor = power(unit.factor, exponent);
        return raised;
    }

    // The longest code that is a unit, with or without a prefix: "min" is a minute, "mm" a
    // thousandth.
    Result<Unit> prefixed_atom() {
        std::size_t longest = 0;
        Unit found;
        const auto rest = text_.substr(at_);
        for (std::size_t size = std::min<std::size_t>(rest.size(), 12); size > longest; --size) {
            const auto code = rest.substr(0, size);
            if (const Atom* atom = find_atom(code)) {
                longest = size;
                found = {atom->dimension, atom->factor, atom->offset};
                break;
            }
            for (const Prefix& prefix : prefixes) {
                if (!code.starts_with(prefix.code)) continue;
                const Atom* atom = find_atom(code.substr(prefix.code.size()));
                if (!atom || !atom->metric) continue;
                longest = size;
                found = {atom->dimension, atom->factor * prefix.factor,
                         atom->offset / prefix.factor};
            }
        }
        if (longest == 0) return wrong("no unit is known");
        at_ += longest;
        return found;
    }

    Result<int> read_exponent() {
        const std::size_t begin = at_;
        const bool negative = eat('-');
        if (!negative) eat('+');
        int exponent = 0;
        const auto read =
            std::from_chars(text_.data() + at_, text_.data() + text_.size(), exponent);
        if (read.ptr == text_.data() + at_) {
            if (at_ != begin) return wrong("want an exponent");
            return 1;
        }
        at_ = static_cast<std::size_t>(read.ptr - text_.data());
        if (read.ec != std::errc{} || exponent > 20) return wrong("an exponent is too large");
        return negative ? -exponent : exponent;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    int components_ = 0;
    int depth_ = 0;
};

// Raised digits and signs as machines write them.
std::string plain(std::string_view text) {
    static constexpr std::pair<std::string_view, std::string_view> marks[] = {
        {"²", "2"}, {"³", "3"}, {"·", "."}, {"µ", "u"}, {"μ", "u"}};
    std::string out(text);
    for (const auto& [from, to] : marks)
        for (auto at = out.find(from); at != std::string::npos; at = out.find(from))
            out.replace(at, from.size(), to);
    return out;
}

}  // namespace

Result<Unit> parse_unit(std::string_view text) {
    const auto known = std::ranges::find(aliases, text, &Alias::sent);
    if (known != std::end(aliases)) return parse_unit(known->code);
    const std::string spelled = plain(text);
    if (spelled.size() > 128) return Error{Errc::invalid_input, "a unit has up to 128 bytes"};
    return Reader(spelled).all();
}

std::optional<Conversion> conversion(std::string_view from, std::string_view to) {
    if (from == to) return Conversion{};
    const auto a = parse_unit(from), b = parse_unit(to);
    if (!a || !b || a->dimension != b->dimension) return std::nullopt;
    Conversion found;
    found.factor = a->factor / b->factor;
    found.offset = a->offset * found.factor - b->offset;
    const double inverse = b->factor / a->factor;
    const double rounded = std::round(inverse);
    const bool whole = rounded >= 2 && std::abs(inverse - rounded) <= 1e-12 * rounded;
    if (whole) {
        found.divisor = rounded;
        found.factor = 1 / rounded;
        found.offset = a->offset / rounded - b->offset;
    } else if (std::abs(found.factor - std::round(found.factor)) <= 1e-12 * found.factor) {
        found.factor = std::round(found.factor);
        found.offset = a->offset * found.factor - b->offset;
    }
    return found;
}

}  // namespace mw
