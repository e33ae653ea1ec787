#pragma once
// Inside the module: which shard of a broker a session lives on. It follows from its name, so that
// whoever connects finds it without asking around; the journal's directories follow the shards.

#include <string>
#include <string_view>
#include <vector>

#include "protocols/mqtt/authorizer.h"
#include "protocols/mqtt/journal_state.h"
#include "protocols/mqtt/peers.h"

namespace mw::mqtt {

// Where there is an uplink, the first shard does for every message what the uplink takes, which is
// about as much as what a session takes: few sessions live there then (docs/decisions/0036).
enum class Spread : std::uint8_t { even, first_has_uplink };

ShardNumber home_of(const Identity& identity, std::string_view client_id, ShardNumber shards,
                    Spread spread);
std::string journal_directory(const std::string& first, ShardNumber shard);

// Sessions that a journal has, and that live on another shard since the number of shards changed.
struct Strays {
    ShardNumber home = 0;
    JournalState state;
    std::vector<SessionNumber> numbers;  // as the old journal has them
};
// Takes them out of what was found; of a shard that is no more (self >= shards) all.
std::vector<Strays> take_strays(JournalState& found, ShardNumber self, ShardNumber shards,
                                Spread spread);

}  // namespace mw::mqtt
