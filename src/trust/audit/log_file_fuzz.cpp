// An exported log of strangers: whatever it is, the answer is a verdict or a refusal, the same in
// one piece and in many.
#include "trust/audit/audit.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const mw::ByteView log(data, size);
    const auto check = [&](std::size_t piece) -> mw::Result<mw::audit::LogVerdict> {
        mw::audit::LogVerifier verifier(nullptr);
        for (std::size_t at = 0; at < log.size(); at += piece)
            TRY_VOID(verifier.feed(log.subspan(at, std::min(piece, log.size() - at))));
        return verifier.finish();
    };
    const auto whole = check(size ? size : 1), split = check(7);
    ASSERT(whole.ok() == split.ok());
    if (!whole) ASSERT(whole.error().message == split.error().message);
    if (auto fact = mw::audit::read_fact(log))
        ASSERT(fact->version >= 1 && fact->version <= 3 && fact->hashed <= size);
    if (auto head = mw::audit::read_head(log)) {
        mw::Bytes bytes;
        mw::audit::put_head(bytes, *head);
        ASSERT(mw::ByteView(bytes).size() == size &&
               std::equal(bytes.begin(), bytes.end(), log.begin()));
    }
    return 0;
}
