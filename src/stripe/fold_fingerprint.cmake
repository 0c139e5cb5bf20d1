# Writes a header with a digest of the sources IN, which fold events, to OUT: any change in them makes what another build
# has thinned out worthless (billing_checkpoints). Run by the build.
set(all "")
foreach(source IN LISTS IN)
  file(SHA256 ${source} digest)
  string(APPEND all ${digest})
endforeach()
string(SHA256 all "${all}")
file(WRITE ${OUT} "// Generated; see fold_fingerprint.cmake.
#pragma once
namespace billsync::stripe {
inline constexpr char kFoldFingerprint[] = \"${all}\";
}  // namespace billsync::stripe
")
