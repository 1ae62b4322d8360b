"""Names of the evidence that the pipeline itself finds, and of the facts in it. The only place.

Facts are integers, named here with their unit at the end of the name: ``-bytes``, ``-permille``
(thousandths), ``-days``; a name without a unit counts things. Where a release has several boards, a
fact is of the board that is worst off, unless its text says otherwise. A fact that is not there is
unknown, and unknown meets no limit.

``failed`` names everything because of which a check has not passed, one line each, so that a waiver for
all of these lines leaves nothing unsaid: ``NOT_COMPLETE`` and ``UNTESTED`` are such lines, too.

Test reports are imported under whatever name the policy asks for (``kola``, ``boot-tests``).
"""

from __future__ import annotations

PAYLOAD_PROVEN = "payload-proven"
"""Every payload was applied as a client does, and what came out compared with the image. No facts."""

MIRROR_VERIFIED = "mirror-verified"
"""The release was read back from the mirror and verified with public keys. No facts."""

NOTES_COMPLETE = "notes-complete"
"""The release notes say something, hold no placeholder, and tell every security fix they should.

Facts: ``CVES``. ``failed`` has a line for everything that is wrong with them.
"""

CVES = "cves"
"""CVEs that the notes claim to be fixed, each once."""

SIZES = "sizes"
"""What the release weighs, whatever it is compared with. Facts: ``IMAGE_BYTES``, ``FULL_BYTES``,
``BOOT_BYTES``."""

IMAGE_BYTES = "image-bytes"
"""Bytes of the raw partition."""

FULL_BYTES = "full-bytes"
"""Bytes of the full payload."""

BOOT_BYTES = "boot-bytes"
"""Bytes of the kernel that an update writes to ``/boot``; 0 when it writes none."""

COMPARISON = "comparison"
"""What changed since another release: one piece of evidence for each baseline, told by ``against``.

It has passed when nothing that the baseline ships is missing; ``failed`` names every board and every
system extension that is. All other changes are facts, for limits and for people.
Which baselines there must be for a channel is said by ``release.promotion.baselines``.
"""

IMAGE_GROWTH_BYTES = "image-growth-bytes"
"""Bytes of the raw partition gained; negative when it shrank. Products with a partition of a fixed size,
such as Flatcar, always have 0 here: see ``FULL_GROWTH_BYTES``."""

IMAGE_GROWTH_PERMILLE = "image-growth-permille"
"""The same, in thousandths of the baseline's raw partition, rounded up."""

FULL_GROWTH_BYTES = "full-growth-bytes"
"""Bytes of the full payload gained: how much more content there is, packed. May be negative."""

FULL_GROWTH_PERMILLE = "full-growth-permille"
"""The same, in thousandths of the baseline's full payload, rounded up. A limit on growth should look at
the greater of this and ``IMAGE_GROWTH_PERMILLE``."""

BOOT_GROWTH_BYTES = "boot-growth-bytes"
"""Bytes of the kernel gained; may be negative."""

FILES_GROWTH_BYTES = "files-growth-bytes"
"""Bytes that all published files together gained, summed over boards; may be negative."""

DELTA_PERMILLE = "delta-permille"
"""What a machine with the baseline downloads, in thousandths of the full payload, rounded up: 1000 where
no delta from the baseline is shipped. Of interest for the release that machines have, which is the
present head of the channel; nobody updates from the release that a rebuild derives from."""

PACKAGES_ADDED = "packages-added"
PACKAGES_REMOVED = "packages-removed"
PACKAGES_UP = "packages-up"
DOWNGRADES = "downgrades"
"""Packages whose version went down. These four, and the next, count a change that several boards
share once."""
DOWNGRADE = "downgrade "
"""What a line in ``failed`` begins with that names a package whose version went down. Such a line does not
make the comparison fail: the policy limits how many there may be that nobody waives."""
PACKAGES_SIDEWAYS = "packages-sideways"
"""Packages whose version changed, and nothing in it tells which is newer."""

FILES_CHANGED = "files-changed"
"""Published files that came, went, or changed their size, over all boards."""

LOST_BOARDS = "lost-boards"
"""Boards that the baseline is for and this release is not."""

LOST_EXTENSIONS = "lost-extensions"
"""System extensions, over all boards, that the baseline ships and this release does not."""

PAYLOAD_SIGNATURES = "payload-signatures"
"""How many people's keys stand behind the payloads. Facts: ``FEWEST_KEYS``."""

FEWEST_KEYS = "fewest-keys"
"""The smallest number of distinct trusted keys that verify, over all payloads. k-of-n asks for k."""

KEY_HEALTH = "key-health"
"""Whether the pipeline's key outlives the release: the policy's ``release_lifetime`` from when it was
checked. Facts: ``KEY_END_DAYS``."""

KEY_END_DAYS = "key-end-days"
"""Whole days from 1970-01-01 (UTC) until the key expires; absent when it never does. A day of the
calendar rather than days left, so that evidence does not change from day to day."""

TESTS_PASSED = "tests-passed"
TESTS_FAILED = "tests-failed"
TESTS_SKIPPED = "tests-skipped"
"""Facts of an imported test report, over all its files. ``failed`` names the tests that failed."""

REPORTS = "reports"
"""Facts of an imported test report: how many files it was made of."""

NOT_COMPLETE = "not complete: "
"""What a line in ``failed`` begins with that tells why a test report is not complete."""

UNTESTED = "nothing was tested"
"""The line in ``failed`` of a test report in which no test passed and none failed."""
