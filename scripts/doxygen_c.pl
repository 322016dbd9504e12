#!/usr/bin/env perl
# Turns the comments of the C headers into Doxygen's. A comment that begins a line documents what
# follows; one after code documents what precedes it. Usage: doxygen_c.pl FILE
use strict;
use warnings;

undef $/;
open my $in, '<', $ARGV[0] or die "$ARGV[0]: $!\n";
my $text = <$in>;
# The first comment is about the file. Its text is shown as it is laid out.
$text =~ s{^/\*(.*?)\*/}{(my $t = $1) =~ s/^ ?\* ?//gm; "/** \@file\n\@verbatim\n$t\n\@endverbatim */"}es;
$text =~ s{^(\s*)/\* (?!----|\@)}{$1/** }gm;
$text =~ s{^(?!\s*/\*)(.*\S.*?)/\* }{$1/**< }gm;
$text =~ s{^(\s*)// (?!----|clang-format|Code generated)}{$1/// }gm;
$text =~ s{^(?!\s*//)(.*\S\s*)// }{$1///< }gm;
print $text;
