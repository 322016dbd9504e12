#!/usr/bin/env perl
# Refuses the phrases of scripts/words.txt in public text: Markdown files, the comments of the
# public headers, and those of all Go packages. Usage: words.pl [FILE...]
use strict;
use warnings;

my @rules;
open my $list, '<', 'scripts/words.txt' or die "scripts/words.txt: $!\n";
while (<$list>) {
  next if /^#/ || !/\S/;
  chomp;
  my ($pattern, $instead) = split /\t/;
  push @rules, [qr/$pattern/i, $instead];
}
die "scripts/words.txt holds no phrase\n" unless @rules;

my @files = @ARGV ? @ARGV : grep { !/_test\.go$/ } split /\n/,
  `git ls-files '*.md' 'cpp/include/*.hpp' capi/dbnloop.h '*.go'`;
die "words.pl: git lists no files\n" unless @files;

# Blanks a text, but not its line breaks.
sub blank { (my $text = shift) =~ tr/\n/ /c; return $text }

my $string = qr/"(?:\\.|[^"\\\n])*"|'(?:\\[^\n']+|[^'\\\n])'|`[^`]*`/;
my $found = 0;
for my $file (@files) {
  open my $in, '<', $file or die "$file: $!\n";
  my $text = do { local $/; <$in> };
  my @lines = split /\n/, $text, -1;
  if ($file !~ /\.md$/) {    # comments only, without their marks
    my $comments = '';
    while ($text =~ m{\G(?:(//[^\n]*|/\*.*?\*/)|($string)|(.))}gcs) {
      $comments .= defined $1 ? $1 : blank($2 // $3);
    }
    ($text = $comments) =~ s{^[ \t]*(?:///?<?|/?\*)|///?<?}{blank($&)}gem;
  }
  $text =~ s/[ \t]*\n[ \t]*/blank($&)/ge;    # keeps the length
  # One blank for each stretch of them, and where each character came from.
  my ($flat, @line) = ('');
  my $number = 1;
  for my $char (split //, $text) {
    if ($char =~ /\s/) {
      $number++ if $char eq "\n";
      next if $flat =~ / \z/;
      $char = ' ';
    }
    $flat .= $char;
    push @line, $number;
  }
  for my $rule (@rules) {
    while ($flat =~ /$rule->[0]/g) {
      my ($first, $last) = @line[$-[0], $+[0] - 1];
      next if grep { /words:allow/ } @lines[$first - 1 .. $last - 1];
      print "$file:$first: \"$&\": write \"$rule->[1]\"\n";
      $found = 1;
    }
  }
}
exit $found;
