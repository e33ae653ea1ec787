#pragma once
// What one actor may see of history, and how it is put beneath a statement: rows that they may not
// read are taken out, masked values replaced, before anything of the statement is computed. Plain
// values and pure functions; whoever knows roles and contracts makes them (data/access).

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace mw::query {

enum class Table;
struct Wanted;

using Names = std::vector<std::string>;  // sorted

// Series by name: those of the devices that are also of the signals. nullopt: all.
struct SeriesSet {
    std::optional<Names> devices;
    std::optional<Names> signals;
    bool other_signals = false;  // all signals but those
    bool everything() const { return !devices && !signals; }
};

// Values that are not shown as they are. hide: NULL instead. coarsen: one row for each `over` that
// has passed, with the average of at least two points, instead of the points.
struct Masking {
    SeriesSet of;
    nanoseconds over{0};  // 0: hide
};

struct Sight {
    std::optional<std::vector<SeriesSet>> only;  // rows of any of these; nullopt: all
    std::vector<SeriesSet> never;                // not of any of these
    std::vector<Masking> masks;                  // the strongest first: it wins
    Names unknown_products;  // don't exist for this actor: no message names them
    std::map<std::string, std::string> closed_products;  // name to why, for the refusal

    bool sees_all_rows() const { return !only && never.empty() && masks.empty(); }
};
using SightPtr = std::shared_ptr<const Sight>;

// Who may see what. On the control loop; asked once a statement.
class ReadPolicy {
 public:
    virtual ~ReadPolicy() = default;
    // Never null. denied: this actor may read nothing at all.
    virtual Result<SightPtr> sight_of(const std::string& actor) = 0;
};

// invalid_input or denied where this table isn't for them: a product that is closed to them, or a
// table for which nobody has said yet which rows belong to whom.
Result<> check_sight(const Sight& sight, Table table, const std::string& name);
// Times within which averages over whole stretches can be computed; call it before bounds_of().
void widen_for_masks(Wanted& wanted);
// `rows` with the columns of the wanted table, as the actor sees them at `now`.
std::string seen(const Wanted& wanted, const std::string& rows, Timestamp now);

}  // namespace mw::query
