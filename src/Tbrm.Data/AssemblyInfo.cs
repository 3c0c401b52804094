using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Tbrm.Data.Tests")]
