using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Tbrm.Cli.Tests")]
