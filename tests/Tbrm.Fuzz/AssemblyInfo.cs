using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Tbrm.Fuzz.Tests")]
[assembly: InternalsVisibleTo("Tbrm.Bench")]
