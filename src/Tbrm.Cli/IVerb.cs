using System.CommandLine;

namespace Tbrm.Cli;

/// <summary>One verb of the command line: a file each under Verbs/, listed in <see cref="Program"/>.</summary>
internal interface IVerb
{
    /// <summary>The command with its options and its action; the action returns the exit code.</summary>
    Command Create();
}
